/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receiving over a socket pair: any cut, any packing, fds to the message they came with; every stream violation;
 * no fd is left open whatever happens. Rules HDR-1..10, A001..A004, A007..A018, A021..A023, V01, V02.
 */
#include "proto_test.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

static struct vh_rx rx;
static struct vh_frame frame;
static int peer, ours;

static void
new_pair(void)
{
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	peer = s[0];
	ours = s[1];
	vh_rx_init(&rx);
	memset(&frame, 0xee, sizeof(frame));
	vh_fds_init(&frame.fds);
}

static int
open_pair(void **state)
{
	remember_fds(state);
	new_pair();
	return 0;
}

static int
close_pair(void **state)
{
	if (peer >= 0)
		close(peer);
	close(ours);
	return no_fd_leaked(state);
}

#define RX_CASE(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

static void
send_message(const struct bytes *m, const int *fds, unsigned int nr)
{
	send_fds(peer, m->b, m->len, fds, nr);
}

static int
read_now(uint64_t now)
{
	return vh_rx_read(&rx, ours, now, &frame);
}

static void
make_fds(int *fds, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
}

static void
close_fds(const int *fds, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		close(fds[i]);
}

static const uint8_t table_payload[8 + 8 * 32] = { 8, 0, 0, 0, [12] = 7, [263] = 9 };

static struct bytes
table_message(void)
{
	return message(VH_SET_MEM_TABLE, 9, sizeof(table_payload), table_payload);
}

static void
expect_table(unsigned int nr_fds)
{
	unsigned int i;

	assert_int_equal(frame.request, VH_SET_MEM_TABLE);
	assert_int_equal(frame.flags, 9);
	assert_int_equal(frame.size, sizeof(table_payload));
	assert_memory_equal(frame.payload, table_payload, sizeof(table_payload));
	for (i = sizeof(table_payload); i < VH_MAX_PAYLOAD; i++)
		assert_int_equal(frame.payload[i], 0);
	assert_int_equal(frame.fds.nr, nr_fds);
	for (i = 0; i < nr_fds; i++)
		assert_int_equal(fcntl(frame.fds.fd[i], F_GETFD), FD_CLOEXEC);
	assert_int_equal(rx.first_byte_ns, 0);
	assert_int_equal(rx.got, 0);
	vh_frame_release(&frame);
}

static void
nothing_there(void **state)
{
	assert_int_equal(read_now(5), -EAGAIN);
	assert_int_equal(rx.first_byte_ns, 0); /* between messages there is no deadline */
}

static void
whole_messages(void **state)
{
	struct bytes m = table_message(), get = message(VH_GET_FEATURES, 1, 0, NULL);
	int fds[8];

	make_fds(fds, 8);
	send_message(&m, fds, 8);
	assert_int_equal(read_now(1), 0);
	expect_table(8);
	send_message(&get, NULL, 0);
	assert_int_equal(read_now(2), 0);
	assert_int_equal(frame.request, VH_GET_FEATURES);
	assert_int_equal(frame.size, 0);
	assert_int_equal(frame.payload[12], 0); /* nothing of the longer one before it */
	close_fds(fds, 8);
}

static void
largest_payload(void **state)
{
	uint8_t payload[VH_MAX_PAYLOAD];
	struct bytes m;

	memset(payload, 0x5a, sizeof(payload));
	m = message(26, 1, sizeof(payload), payload);
	send_message(&m, NULL, 0);
	assert_int_equal(read_now(1), 0);
	assert_int_equal(frame.size, VH_MAX_PAYLOAD);
	assert_memory_equal(frame.payload, payload, sizeof(payload));
}

static void
cut_at_every_byte(void **state)
{
	struct bytes m = table_message();
	size_t cut;
	int fds[8];

	make_fds(fds, 8);
	for (cut = 1; cut < m.len; cut++) {
		send_fds(peer, m.b, cut, fds, 8);
		assert_int_equal(read_now(100), -EAGAIN);
		assert_int_equal(rx.first_byte_ns, 100);
		assert_int_equal(rx.got, cut);
		send_fds(peer, m.b + cut, m.len - cut, NULL, 0);
		assert_int_equal(read_now(200), 0);
		expect_table(8);
	}
	close_fds(fds, 8);
}

static void
byte_by_byte(void **state)
{
	struct bytes m = table_message();
	size_t i;
	int fds[8];

	make_fds(fds, 8);
	for (i = 0; i < m.len; i++) {
		send_fds(peer, m.b + i, 1, fds, i == 0 ? 8 : 0);
		assert_int_equal(read_now(1000 + i), i + 1 < m.len ? -EAGAIN : 0);
		if (i + 1 < m.len)
			assert_int_equal(rx.first_byte_ns, 1000); /* the deadline does not start over (A004) */
	}
	expect_table(8);
	close_fds(fds, 8);
}

static void
time_zero_counts(void **state)
{
	send_fds(peer, "", 1, NULL, 0);
	assert_int_equal(read_now(0), -EAGAIN);
	assert_int_not_equal(rx.first_byte_ns, 0);
}

static void
several_in_one_segment(void **state)
{
	struct bytes a = message(VH_GET_FEATURES, 1, 0, NULL), b = table_message();
	uint8_t both[2 * sizeof(a.b)];
	int i;

	memcpy(both, a.b, a.len);
	memcpy(both + a.len, b.b, b.len);
	memcpy(both + a.len + b.len, a.b, a.len);
	send_fds(peer, both, a.len + b.len + a.len, NULL, 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(read_now(1), 0);
		assert_int_equal(frame.request, i == 1 ? VH_SET_MEM_TABLE : VH_GET_FEATURES);
	}
	assert_int_equal(read_now(1), -EAGAIN);
}

static void
fds_go_to_their_message(void **state)
{
	struct bytes a = message(VH_GET_FEATURES, 1, 0, NULL), b = table_message();
	int fds[8];

	make_fds(fds, 8);
	send_message(&a, NULL, 0);
	send_message(&b, fds, 8);
	send_message(&a, NULL, 0);
	assert_int_equal(read_now(1), 0);
	assert_int_equal(frame.fds.nr, 0);
	assert_int_equal(read_now(1), 0);
	expect_table(8);
	assert_int_equal(read_now(1), 0);
	assert_int_equal(frame.fds.nr, 0);
	close_fds(fds, 8);
}

static void
fds_with_any_header_byte(void **state)
{
	struct bytes m = table_message();
	int fds[2];

	make_fds(fds, 2);
	send_fds(peer, m.b, 5, fds, 1);
	send_fds(peer, m.b + 5, m.len - 5, fds + 1, 1);
	assert_int_equal(read_now(1), 0);
	expect_table(2);
	close_fds(fds, 2);
}

static void
expect_fault(enum vh_violation code, uint32_t request, uint64_t observed, uint64_t limit)
{
	assert_int_equal(read_now(1), code);
	assert_int_equal(rx.fault.code, code);
	assert_int_equal(rx.fault.message, request);
	assert_int_equal(rx.fault.queue, VH_NO_QUEUE);
	assert_int_equal(rx.fault.observed, observed);
	assert_int_equal(rx.fault.limit, limit);
	assert_int_equal(rx.fds.nr, 0);
	assert_int_equal(rx.first_byte_ns, 0);
}

static void
fds_with_payload(void **state)
{
	struct bytes m = table_message();
	int fds[3];

	make_fds(fds, 3);
	send_fds(peer, m.b, VH_MSG_HEADER, fds, 2);
	send_fds(peer, m.b + VH_MSG_HEADER, m.len - VH_MSG_HEADER, fds, 3);
	expect_fault(VH_V_FD_MISPLACED, VH_SET_MEM_TABLE, 3, 0);
	close_fds(fds, 3);
}

static void
fds_with_last_payload_byte(void **state)
{
	struct bytes m = table_message();
	int fds[1];

	make_fds(fds, 1);
	send_fds(peer, m.b, m.len - 1, NULL, 0);
	assert_int_equal(read_now(1), -EAGAIN);
	send_fds(peer, m.b + m.len - 1, 1, fds, 1);
	expect_fault(VH_V_FD_MISPLACED, VH_SET_MEM_TABLE, 1, 0);
	close_fds(fds, 1);
}

static void
too_many_fds(void **state)
{
	struct bytes m = table_message();
	int fds[VH_KERNEL_MAX_FDS];

	make_fds(fds, 9);
	send_message(&m, fds, 9);
	expect_fault(VH_V_FD_EXCESS, VH_SET_MEM_TABLE, 9, VH_MAX_MSG_FDS);
	close_fds(fds, 9);
}

static void
all_fds_the_kernel_delivers(void **state)
{
	struct bytes m = message(VH_SET_OWNER, 1, 0, NULL);
	int fds[VH_KERNEL_MAX_FDS];

	make_fds(fds, VH_KERNEL_MAX_FDS);
	send_message(&m, fds, VH_KERNEL_MAX_FDS);
	expect_fault(VH_V_FD_EXCESS, VH_SET_OWNER, VH_KERNEL_MAX_FDS, VH_MAX_MSG_FDS);
	close_fds(fds, VH_KERNEL_MAX_FDS);
}

static void
too_many_fds_over_pieces(void **state)
{
	struct bytes m = table_message();
	int fds[5];

	make_fds(fds, 5);
	send_fds(peer, m.b, 4, fds, 5);
	send_fds(peer, m.b + 4, m.len - 4, fds, 5);
	expect_fault(VH_V_FD_EXCESS, VH_SET_MEM_TABLE, 10, VH_MAX_MSG_FDS);
	close_fds(fds, 5);
}

/* The process has no number left for a received fd: the kernel drops some and sets MSG_CTRUNC (HDR-8). */
static void
fds_lost_by_the_kernel(void **state)
{
	struct bytes m = table_message();
	struct rlimit old, low;
	int fds[8], top;

	make_fds(fds, 8);
	send_message(&m, fds, 8);
	top = dup(0);
	assert_true(top >= 0);
	close(top); /* the lowest free number: allow two more */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){ .rlim_cur = (rlim_t)top + 2, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(read_now(1), VH_V_FD_EXCESS);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(rx.fault.observed >= VH_KERNEL_MAX_FDS);
	close_fds(fds, 8);
}

static void
versions(void **state)
{
	static const uint32_t wrong[] = { 0, 2, 3 };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct bytes m = message(VH_GET_FEATURES, wrong[i], 0, NULL);

		send_message(&m, NULL, 0);
		expect_fault(VH_V_BAD_VERSION, VH_GET_FEATURES, wrong[i], 1);
	}
}

static void
flags(void **state)
{
	unsigned int bit;

	for (bit = 2; bit < 32; bit++) {
		struct bytes m = message(VH_SET_OWNER, 1u | 1u << bit, 0, NULL);

		send_message(&m, NULL, 0);
		if (bit == 3)
			assert_int_equal(read_now(1), 0);
		else
			expect_fault(VH_V_BAD_FLAGS, VH_SET_OWNER, 1u | 1u << bit, 9);
	}
}

/* Refused before any of the payload is read: the header alone is there. */
static void
sizes(void **state)
{
	static const uint32_t wrong[] = { VH_MAX_PAYLOAD + 1, 1024, 0x7fffffff, 0xfffffff4, 0xffffffff };
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct bytes m = message(VH_SET_CONFIG, 1, wrong[i], NULL);
		int fds[2];

		make_fds(fds, 2);
		send_message(&m, fds, 2);
		expect_fault(VH_V_FRAME_SIZE, VH_SET_CONFIG, wrong[i], VH_MAX_PAYLOAD);
		close_fds(fds, 2);
	}
}

static void
end_of_file_anywhere(void **state)
{
	struct bytes m = table_message();
	size_t cut;
	int fds[8];

	make_fds(fds, 8);
	for (cut = 0; cut < m.len; cut += cut < 14 ? 1 : 50) {
		if (cut > 0)
			send_fds(peer, m.b, cut, fds, 8);
		close(peer);
		assert_int_equal(read_now(1), -EPIPE);
		assert_int_equal(rx.fds.nr, 0);
		assert_int_equal(rx.got, 0);
		close(ours);
		new_pair();
	}
	close_fds(fds, 8);
}

static void
half_closed(void **state)
{
	struct bytes m = message(VH_SET_OWNER, 1, 0, NULL);

	send_message(&m, NULL, 0);
	shutdown(peer, SHUT_WR);
	assert_int_equal(read_now(1), 0); /* what was sent before is served (A008) */
	assert_int_equal(read_now(1), -EPIPE);
}

/* A peer that dies with our reply unread resets the connection. */
static void
reset_by_peer(void **state)
{
	assert_int_equal(send(ours, "x", 1, MSG_NOSIGNAL), 1);
	close(peer);
	peer = -1;
	assert_int_equal(read_now(1), -EPIPE);
}

static void
reset_drops_fds(void **state)
{
	struct bytes m = table_message();
	int fds[8];

	make_fds(fds, 8);
	send_fds(peer, m.b, 20, fds, 8);
	assert_int_equal(read_now(1), -EAGAIN);
	assert_int_equal(rx.fds.nr, 8);
	vh_rx_reset(&rx);
	assert_int_equal(rx.fds.nr, 0);
	assert_int_equal(rx.got, 0);
	assert_int_equal(rx.first_byte_ns, 0);
	close_fds(fds, 8);
}

/* What a deadline names: not the message before (HDR-5). */
static void
number_of_half_a_message(void **state)
{
	struct bytes m = message(VH_SET_OWNER, 1, 0, NULL), half = table_message();

	send_message(&m, NULL, 0);
	assert_int_equal(read_now(1), 0);
	assert_int_equal(vh_rx_request(&rx), 0);
	assert_int_equal(send(peer, half.b, 11, MSG_NOSIGNAL), 11);
	assert_int_equal(read_now(2), -EAGAIN);
	assert_int_equal(vh_rx_request(&rx), 0);
	assert_int_equal(send(peer, half.b + 11, 9, MSG_NOSIGNAL), 9);
	assert_int_equal(read_now(3), -EAGAIN);
	assert_int_equal(vh_rx_request(&rx), VH_SET_MEM_TABLE);
}

/* Credentials beside fds (A023). */
static void
other_ancillary_data(void **state)
{
	struct bytes m = table_message();
	int on = 1, fds[8];

	assert_int_equal(setsockopt(ours, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	make_fds(fds, 8);
	send_message(&m, fds, 8);
	assert_int_equal(read_now(1), 0);
	expect_table(8);
	close_fds(fds, 8);
}

/* An urgent byte must neither end the stream nor leave the socket readable for ever. */
static void
urgent_byte(void **state)
{
	struct bytes m = message(VH_SET_OWNER, 1, 0, NULL);
	struct pollfd p = { .fd = ours, .events = POLLIN };
	int i, rc = -EAGAIN;

	if (send(peer, "!", 1, MSG_OOB | MSG_NOSIGNAL) != 1) {
		assert_int_equal(errno, EOPNOTSUPP); /* kernel without AF_UNIX out-of-band data: nothing to defend */
		return;
	}
	send_message(&m, NULL, 0);
	for (i = 0; i < 3 && rc == -EAGAIN; i++)
		rc = read_now(1);
	assert_int_equal(rc, 0);
	assert_int_equal(frame.request, VH_SET_OWNER);
	assert_int_equal(send(peer, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
	for (i = 0; i < 3; i++) {
		rc = read_now(1);
		assert_true(rc == -EAGAIN || rc == -EPIPE);
	}
	/* either the byte is gone, or the connection was given up: what must not be is readable and -EAGAIN */
	assert_true(rc == -EPIPE || poll(&p, 1, 0) == 0);
}

static void
blocked_stream_position(void **state)
{
	/* a violation does not lose count of what follows: the connection is closed, a fresh one starts clean */
	struct bytes bad = message(VH_SET_OWNER, 0, 0, NULL), good = message(VH_SET_OWNER, 1, 0, NULL);

	send_message(&bad, NULL, 0);
	send_message(&good, NULL, 0);
	expect_fault(VH_V_BAD_VERSION, VH_SET_OWNER, 0, 1);
	vh_rx_init(&rx);
	assert_int_equal(read_now(1), 0);
	assert_int_equal(frame.request, VH_SET_OWNER);
}

/* Random sizes, cuts and fds: what comes out is what went in. */
static void
random_pipelines(void **state)
{
	unsigned int seed = 22, round;
	int fds[8];

	make_fds(fds, 8);
	for (round = 0; round < 2000; round++) {
		uint8_t payload[VH_MAX_PAYLOAD];
		uint32_t size = (uint32_t)rand_r(&seed) % (VH_MAX_PAYLOAD + 1), request = (uint32_t)rand_r(&seed);
		unsigned int nr = (unsigned int)rand_r(&seed) % 9, i;
		struct bytes m;
		size_t sent = 0, step;
		int rc = -EAGAIN;

		for (i = 0; i < size; i++)
			payload[i] = (uint8_t)rand_r(&seed);
		m = message(request, 1, size, payload);
		for (sent = 0; sent < m.len; sent += step) {
			step = 1 + (size_t)rand_r(&seed) % (m.len - sent);
			assert_int_equal(rc, -EAGAIN);
			send_fds(peer, m.b + sent, step, fds, sent == 0 ? nr : 0);
			rc = read_now(round);
		}
		assert_int_equal(rc, 0);
		assert_int_equal(frame.request, request);
		assert_int_equal(frame.size, size);
		assert_memory_equal(frame.payload, payload, size);
		assert_int_equal(frame.fds.nr, nr);
		vh_frame_release(&frame);
	}
	close_fds(fds, 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RX_CASE(nothing_there), RX_CASE(whole_messages), RX_CASE(largest_payload),
		RX_CASE(cut_at_every_byte), RX_CASE(byte_by_byte), RX_CASE(time_zero_counts),
		RX_CASE(several_in_one_segment), RX_CASE(fds_go_to_their_message),
		RX_CASE(fds_with_any_header_byte), RX_CASE(fds_with_payload), RX_CASE(fds_with_last_payload_byte),
		RX_CASE(too_many_fds), RX_CASE(all_fds_the_kernel_delivers), RX_CASE(too_many_fds_over_pieces),
		RX_CASE(fds_lost_by_the_kernel), RX_CASE(versions), RX_CASE(flags), RX_CASE(sizes),
		RX_CASE(end_of_file_anywhere), RX_CASE(half_closed), RX_CASE(reset_by_peer), RX_CASE(reset_drops_fds),
		RX_CASE(number_of_half_a_message),
		RX_CASE(other_ancillary_data), RX_CASE(urgent_byte), RX_CASE(blocked_stream_position),
		RX_CASE(random_pipelines),
	};

	return cmocka_run_group_tests_name("proto/recv", tests, NULL, NULL);
}
