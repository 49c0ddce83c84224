/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two log types of librte_vhost and their line prefix (api.md 9.2, K24). Data paths never call
 * these: they report through the guard. May touch: its arguments only. Any thread but data threads.
 */
#ifndef VH_LOG_H
#define VH_LOG_H

#include <rte_log.h>

/** lib.vhost.config and lib.vhost.data; registered by a constructor in base/log.c. */
extern int vh_log_config_type;
extern int vh_log_data_type;

/** `VHOST_CONFIG: (<path>) <text>`; where no path applies pass "device", "dma" or "thread". */
#define VH_LOG_CONFIG(level, path, fmt, ...) \
	rte_log(RTE_LOG_##level, (uint32_t)vh_log_config_type, \
		"VHOST_CONFIG: (%s) " fmt "\n", path, ##__VA_ARGS__)
#define VH_LOG_DATA(level, path, fmt, ...) \
	rte_log(RTE_LOG_##level, (uint32_t)vh_log_data_type, \
		"VHOST_DATA: (%s) " fmt "\n", path, ##__VA_ARGS__)

#endif /* VH_LOG_H */
