/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dirty log, before it exists: LOG_ALL is not offered, so no device ever has a log, and these do what the contract says
 * for such a device: nothing.
 * Source: rte_vhost.h; api.md 2.3, 2.11. Any thread.
 */
#include "api.h"
#include "device.h"

void
rte_vhost_log_write(int vid, uint64_t addr, uint64_t len)
{
	(void)vh_device_exists(vid); /* for its log line */
}

void
rte_vhost_log_used_vring(int vid, uint16_t vring_idx, uint64_t offset, uint64_t len)
{
	(void)vh_device_exists(vid); /* for its log line */
}

int
rte_vhost_get_log_base(int vid, uint64_t *log_base, uint64_t *log_size)
{
	if (!vh_device_exists(vid) || log_base == NULL || log_size == NULL)
		return -1;
	*log_base = 0;
	*log_size = 0;
	return 0;
}
