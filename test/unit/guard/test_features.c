/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Feature names: the bits the library uses have their name, gaps and numbers out of range have none,
 * and no two bits share a name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "telemetry.h"
#include "virtio.h"

static unsigned int
bit_of(uint64_t mask)
{
	return (unsigned int)__builtin_ctzll(mask);
}

static void
known_names(void **state)
{
	assert_string_equal(vh_feature_name(bit_of(VH_F_VERSION_1)), "version_1");
	assert_string_equal(vh_feature_name(bit_of(VH_F_RING_PACKED)), "ring_packed");
	assert_string_equal(vh_feature_name(bit_of(VH_F_IN_ORDER)), "in_order");
	assert_string_equal(vh_feature_name(bit_of(VH_F_NET_MRG_RXBUF)), "net_mrg_rxbuf");
	assert_string_equal(vh_feature_name(bit_of(VH_F_NET_MQ)), "net_mq");
	assert_string_equal(vh_feature_name(bit_of(VH_F_EVENT_IDX)), "ring_event_idx");
	assert_string_equal(vh_feature_name(bit_of(VH_F_PROTOCOL_FEATURES)), "protocol_features");
	assert_string_equal(vh_protocol_feature_name(bit_of(VH_PF_REPLY_ACK)), "reply_ack");
	assert_string_equal(vh_protocol_feature_name(bit_of(VH_PF_NET_MTU)), "mtu");
	assert_string_equal(vh_protocol_feature_name(bit_of(VH_PF_STATUS)), "status");
}

static void
no_names(void **state)
{
	assert_null(vh_feature_name(4));
	assert_null(vh_feature_name(31));
	assert_null(vh_feature_name(64));
	assert_null(vh_feature_name(UINT32_MAX));
	assert_null(vh_protocol_feature_name(63));
	assert_null(vh_protocol_feature_name(64));
}

static void
names_are_unique(void **state)
{
	const char *(*tables[])(unsigned int) = { vh_feature_name, vh_protocol_feature_name };

	for (unsigned int t = 0; t < 2; t++)
		for (unsigned int a = 0; a < 64; a++)
			for (unsigned int b = a + 1; b < 64; b++)
				if (tables[t](a) != NULL && tables[t](b) != NULL)
					assert_string_not_equal(tables[t](a), tables[t](b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_names),
		cmocka_unit_test(no_names),
		cmocka_unit_test(names_are_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
