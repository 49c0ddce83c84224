/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers the two log types. May touch: DPDK's log registry. Runs as a constructor (P1).
 */
#include "log.h"

int vh_log_config_type;
int vh_log_data_type;

RTE_INIT(vh_log_register)
{
	int type = rte_log_register_type_and_pick_level("lib.vhost.config", RTE_LOG_INFO);

	vh_log_config_type = type >= 0 ? type : RTE_LOGTYPE_USER1;
	type = rte_log_register_type_and_pick_level("lib.vhost.data", RTE_LOG_WARNING);
	vh_log_data_type = type >= 0 ? type : RTE_LOGTYPE_USER1;
}
