/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-crypto, before it exists: starting and creating fail with a line in the log, the rest does what the contract
 * says for a device on which nothing was created.
 * Source: rte_vhost_crypto.h; api.md 2.8. Any thread.
 */
#include <errno.h>

#include "api.h"
#include "device.h"
#include "log.h"

int
rte_vhost_crypto_driver_start(const char *path)
{
	VH_LOG_CONFIG(ERR, path != NULL ? path : "device", "vhost-crypto is not part of this version");
	return -1;
}

int
rte_vhost_crypto_create(int vid, uint8_t cryptodev_id, struct rte_mempool *sess_pool, int socket_id)
{
	if (!vh_device_exists(vid))
		return -EINVAL;
	VH_LOG_CONFIG(ERR, "device", "vid=%d: vhost-crypto is not part of this version", vid);
	return -ENOTSUP;
}

int
rte_vhost_crypto_free(int vid)
{
	return vh_device_exists(vid) ? -ENOENT : -EINVAL;
}

int
rte_vhost_crypto_set_zero_copy(int vid, enum rte_vhost_crypto_zero_copy option)
{
	if (!vh_device_exists(vid))
		return -EINVAL;
	if ((unsigned int)option >= RTE_VHOST_CRYPTO_MAX_ZERO_COPY_OPTIONS) {
		VH_LOG_CONFIG(ERR, "device", "vid=%d: zero copy option %u is none", vid, (unsigned int)option);
		return -EINVAL;
	}
	return -ENOENT;
}

uint16_t
rte_vhost_crypto_fetch_requests(int vid, uint32_t qid, struct rte_crypto_op **ops, uint16_t nb_ops)
{
	(void)vh_device_exists(vid); /* for its log line */
	return 0;
}

uint16_t
rte_vhost_crypto_finalize_requests(struct rte_crypto_op **ops, uint16_t nb_ops, int *callfds,
		uint16_t *nb_callfds)
{
	if (nb_callfds != NULL)
		*nb_callfds = 0;
	return 0;
}
