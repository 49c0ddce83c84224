/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole library in one process: a front-end that says anything over a real socket, a driver that writes anything
 * into the rings, an application that polls them and asks questions. After every input the connection is closed; the
 * device must be gone within seconds, all mbufs back in their pool and no fd left open.
 * Input: operations, see run_operation(). Links the layers, so it sees sanitizer coverage of all of them.
 */
#include "fuzz.h"

#include <errno.h>
#include <poll.h>
#include <sys/un.h>

#include <rte_eal.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "msg.h"
#include "virtio.h"

enum {
	RAM_SIZE = 1 << 20,
	POOL_MBUFS = 511,
	PATIENCE_MS = 5000,
	NR_RINGS = 4,
	MAX_OPS = 64,
};

#define RAM_UVA UINT64_C(0x7f0000000000)

static uint8_t *ram;
static int ram_fd;
static struct rte_mempool *pool;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static _Atomic(int) connections, disconnections, vid = -1;
static int sock = -1;

/* ---- application ---- */

static int on_new_device(int v) { return 0; }
static void on_destroy_device(int v) { }
static int on_state(int v, uint16_t ring, int enable) { return 0; }
static int on_connect(int v) { vid = v; connections++; return 0; }
static void on_disconnect(int v) { disconnections++; }

static const struct rte_vhost_device_ops ops = {
	.new_device = on_new_device,
	.destroy_device = on_destroy_device,
	.vring_state_changed = on_state,
	.new_connection = on_connect,
	.destroy_connection = on_disconnect,
};

static char dir[] = "/tmp/hvfuzz.XXXXXX";

static void
clean_up(void)
{
	(void)rte_vhost_driver_unregister(address.sun_path);
	(void)rmdir(dir);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char prefix[40];
	static const char *const words[] = { "fuzz", "--no-huge", "-m", "256", "--no-pci", "--no-shconf",
		"--no-telemetry", "--lcores=0", "--log-level=*:critical", prefix };
	static char text[10][48], *args[11]; /* the EAL keeps and moves them */
	unsigned int i;

	snprintf(prefix, sizeof(prefix), "--file-prefix=hvfuzz%d", getpid());
	for (i = 0; i < 10; i++) {
		snprintf(text[i], sizeof(text[i]), "%s", words[i]);
		args[i] = text[i];
	}
	/* nothing that slows a front-end down; everything that refuses it stays on */
	setenv("HVHOST_OPTIONS", "ctl.msg_deadline_ms=20,ctl.rate=1000000,ctl.burst=1000000,"
		"conn.rate=1000000,conn.burst=1000000,mem.table_rate=1000000,mem.table_burst=1000000,log.rate=0", 1);
	REQUIRE(rte_eal_init(10, args) >= 0);
	pool = rte_pktmbuf_pool_create("fuzz", POOL_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	ram_fd = memfd_create("ram", MFD_CLOEXEC);
	REQUIRE(pool != NULL && ram_fd >= 0 && ftruncate(ram_fd, RAM_SIZE) == 0);
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
	REQUIRE(ram != MAP_FAILED && mkdtemp(dir) != NULL);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
	REQUIRE(rte_vhost_driver_register(address.sun_path, RTE_VHOST_USER_NET_STATS_ENABLE) == 0);
	REQUIRE(rte_vhost_driver_callback_register(address.sun_path, &ops) == 0);
	REQUIRE(rte_vhost_driver_start(address.sun_path) == 0);
	REQUIRE(atexit(clean_up) == 0);
	return 0;
}

/* ---- front-end ---- */

static void
discard_replies(void)
{
	char buf[4096];

	while (recv(sock, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

/* poll() of the socket; libFuzzer's own alarm interrupts it now and then. */
static bool
wait_for(short events, int ms)
{
	struct pollfd p = { .fd = sock, .events = events };
	int n;

	do {
		n = poll(&p, 1, ms);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

/*
 * Send all of it. A full socket is no reason to give up as long as the back-end reads within seconds; a closed one is
 * what the input asked for.
 */
static void
send_all(const void *buf, size_t len, const int *fds, unsigned int nr)
{
	const uint8_t *at = buf;
	int tries = 0;

	while (len > 0) {
		ssize_t n = send_with_fds(sock, at, len, fds, nr);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
			nr = 0;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ETOOMANYREFS)
			return;
		REQUIRE(++tries < PATIENCE_MS);
		discard_replies();
		(void)wait_for(POLLOUT, 1);
	}
}

/* Wait until everything sent so far was handled, by a request whose answer takes its turn. False: closed on us. */
static bool
barrier(void)
{
	static const uint32_t get_features[3] = { VH_GET_FEATURES, 1, 0 };
	uint8_t reply[20] = { 0 };
	size_t got = 0;

	discard_replies();
	send_all(get_features, sizeof(get_features), NULL, 0);
	for (;;) {
		ssize_t n;

		REQUIRE(wait_for(POLLIN, PATIENCE_MS));
		n = recv(sock, reply + got, 1, MSG_DONTWAIT);
		if (n <= 0)
			return false;
		/* slide until the last 20 bytes are the answer to GET_FEATURES */
		got += (size_t)n;
		if (got == sizeof(reply)) {
			if (reply[0] == VH_GET_FEATURES && reply[4] == 5 && reply[8] == 8)
				return true;
			memmove(reply, reply + 1, --got);
		}
	}
}

static void
reconnect(void)
{
	int tries;

	if (sock >= 0)
		close(sock);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(sock >= 0);
	for (tries = 0; connect(sock, (struct sockaddr *)&address, sizeof(address)) != 0; tries++) {
		REQUIRE(tries < PATIENCE_MS);
		usleep(1000);
	}
}

static void
say(uint32_t request, const void *payload, uint32_t size, const int *fds, unsigned int nr)
{
	uint8_t buf[VH_MSG_HEADER + VH_MAX_PAYLOAD];
	uint32_t h[3] = { request, 9, size };

	memcpy(buf, h, sizeof(h));
	memcpy(buf + sizeof(h), payload, size);
	send_all(buf, sizeof(h) + size, fds, nr);
}

static void
say_u64(uint32_t request, uint64_t v)
{
	say(request, &v, sizeof(v), NULL, 0);
}

static void
say_state(uint32_t request, uint32_t index, uint32_t num)
{
	struct vh_wire_vring_state s = { index, num };

	say(request, &s, sizeof(s), NULL, 0);
}

static void
say_fd(uint32_t request, uint64_t payload)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	say(request, &payload, sizeof(payload), &fd, 1);
	close(fd);
}

static uint64_t features_in_use;

/* A good beginning, so that mutations reach what lies behind it. */
static void
op_greet(struct input *in)
{
	static const uint64_t choices[] = { 0, VH_F_VERSION_1, VH_F_VERSION_1 | VH_F_NET_MRG_RXBUF,
		VH_F_VERSION_1 | VH_F_RING_PACKED, VH_F_VERSION_1 | VH_F_RING_PACKED | VH_F_NET_MRG_RXBUF,
		VH_F_VERSION_1 | VH_F_EVENT_IDX | VH_F_INDIRECT_DESC | VH_F_IN_ORDER,
		VH_F_VERSION_1 | VH_F_NET_CSUM | VH_F_NET_HOST_TSO4 | VH_F_NET_GUEST_CSUM | VH_F_INDIRECT_DESC,
		VH_F_VERSION_1 | VH_F_RING_PACKED | VH_F_EVENT_IDX | VH_F_IN_ORDER | VH_F_INDIRECT_DESC };
	uint8_t choice = take_u8(in);
	struct {
		struct { uint32_t nr, padding; } head;
		struct vh_wire_region r[2];
	} table = { .head = { .nr = choice & 0x20 ? 2 : 1 }, .r = {
		{ 0, RAM_SIZE / 2, RAM_UVA, 0 },
		{ RAM_SIZE, RAM_SIZE / 2, RAM_UVA + RAM_SIZE, RAM_SIZE / 2 } } };
	int fds[2] = { ram_fd, ram_fd };

	features_in_use = choices[choice % 8] | (choice & 0x40 ? 0 : VH_F_PROTOCOL_FEATURES | VH_F_NET_MQ);
	say_u64(VH_SET_PROTOCOL_FEATURES, VH_PF_MQ | VH_PF_REPLY_ACK | (choice & 0x80 ? VH_PF_STATUS : 0));
	say_u64(VH_SET_FEATURES, features_in_use);
	say(VH_SET_MEM_TABLE, &table, 8 + 32 * table.head.nr, fds, table.head.nr);
}

/* Ring i: descriptors at 64 KiB * i, driver's area 16 KiB behind, device's 32 KiB behind. */
static void
op_ring(struct input *in)
{
	uint8_t how = take_u8(in);
	uint32_t i = how % NR_RINGS;
	uint64_t at = RAM_UVA + i * UINT64_C(0x10000);
	struct vh_wire_vring_addr a = { .index = i, .desc = at, .avail = at + 0x4000, .used = at + 0x8000 };

	say_state(VH_SET_VRING_NUM, i, how & 0x20 ? take_u8(in) : 1u << (how >> 2) % 8);
	say_state(VH_SET_VRING_BASE, i, features_in_use & VH_F_RING_PACKED ? 0x8000 : 0);
	say(VH_SET_VRING_ADDR, &a, sizeof(a), NULL, 0);
	say_fd(VH_SET_VRING_CALL, i);
	say_fd(VH_SET_VRING_KICK, i);
	say_state(VH_SET_VRING_ENABLE, i, 1);
	if (how & 0x40)
		say_u64(VH_SET_STATUS, 0x0f);
}

static void
op_message(struct input *in)
{
	uint8_t buf[VH_MSG_HEADER + VH_MAX_PAYLOAD], how = take_u8(in);
	uint32_t h[3] = { take_u8(in) % 48, how & 1 ? 9 : 1, 0 };
	const struct vh_msg_row *row = vh_msg_row(h[0]);
	uint8_t extra = take_u8(in);
	unsigned int nr = extra % 9, i;
	int fds[9];

	h[2] = row != NULL ? row->size : extra;
	if (h[0] == VH_SET_MEM_TABLE)
		h[2] += nr * 32u;
	if (how & 2)
		h[2] = (h[2] + extra) % (VH_MAX_PAYLOAD + 1);
	if (row != NULL && nr > row->fds_max && (how & 4) == 0)
		nr = row->fds_max;
	memcpy(buf, h, sizeof(h));
	take(in, buf + VH_MSG_HEADER, h[2]);
	for (i = 0; i < nr; i++) {
		if (h[0] == VH_SET_MEM_TABLE && (how & 8) == 0)
			fds[i] = fcntl(ram_fd, F_DUPFD_CLOEXEC, 0);
		else
			fds[i] = make_fd((enum fd_kind)(how & 8 ? how >> 4 : h[0] == VH_SET_BACKEND_REQ_FD ? FD_SOCKET :
					FD_EVENTFD) % FD_KINDS);
		REQUIRE(fds[i] >= 0);
	}
	send_all(buf, VH_MSG_HEADER + h[2], fds, nr);
	for (i = 0; i < nr; i++)
		close(fds[i]);
}

static void
op_raw(struct input *in)
{
	uint8_t buf[64];
	size_t n = take(in, buf, take_u8(in) % sizeof(buf) + 1);

	send_all(buf, n, NULL, 0);
}

/* ---- driver ---- */

static void
op_write(struct input *in)
{
	uint32_t at = take_u16(in) * UINT32_C(2);
	uint8_t len = take_u8(in);

	take(in, ram + at, len); /* at most 128 KiB + 255: inside */
}

/* A chain of one descriptor made available on a split ring, with flags, length and offset as the input wants. */
static void
op_split_chain(struct input *in)
{
	uint8_t how = take_u8(in);
	uint8_t *base = ram + (how % NR_RINGS) * 0x10000u, *avail = base + 0x4000;
	struct { uint64_t addr; uint32_t len; uint16_t flags, next; } d = {
		.addr = 0x40000 + (uint64_t)take_u16(in), .len = take_u16(in) & 0xfff, .flags = how >> 2 & 7,
		.next = take_u8(in) };
	uint16_t idx, head = how >> 5;

	memcpy(base + 16 * head, &d, sizeof(d));
	memcpy(&idx, avail + 2, sizeof(idx));
	memcpy(avail + 4 + 2 * (idx & 7), &head, sizeof(head));
	idx++;
	memcpy(avail + 2, &idx, sizeof(idx));
}

static void
op_packed_desc(struct input *in)
{
	uint8_t how = take_u8(in);
	uint8_t *base = ram + (how % NR_RINGS) * 0x10000u;
	struct { uint64_t addr; uint32_t len; uint16_t id, flags; } d = {
		.addr = 0x40000 + (uint64_t)take_u16(in), .len = take_u16(in) & 0xfff, .id = how >> 5,
		.flags = (uint16_t)((how >> 2 & 7) | VH_DESC_AVAIL) };

	memcpy(base + 16 * (take_u8(in) & 15), &d, sizeof(d));
}

/* ---- application ---- */

static void
op_enqueue(struct input *in)
{
	struct rte_mbuf *pkts[8];
	uint8_t how = take_u8(in);
	uint16_t n = 0, i;

	while (n < (how & 7) + 1 && (pkts[n] = rte_pktmbuf_alloc(pool)) != NULL) {
		uint16_t len = (uint16_t)(14 + (how >> 3) * 47);

		REQUIRE(rte_pktmbuf_append(pkts[n], len) != NULL);
		memset(rte_pktmbuf_mtod(pkts[n], void *), how, len);
		n++;
	}
	REQUIRE(rte_vhost_enqueue_burst(vid, take_u8(in) % NR_RINGS, pkts, n) <= n);
	for (i = 0; i < n; i++)
		rte_pktmbuf_free(pkts[i]);
}

static void
op_dequeue(struct input *in)
{
	struct rte_mbuf *pkts[64];
	uint16_t want = take_u8(in) % 65, n, i;

	n = rte_vhost_dequeue_burst(vid, take_u8(in) % NR_RINGS, pool, pkts, want);
	REQUIRE(n <= want);
	for (i = 0; i < n; i++) {
		uint8_t byte;

		REQUIRE(pkts[i] != NULL && pkts[i]->pkt_len <= VH_MAX_TX_FRAME && pkts[i]->nb_segs > 0);
		rte_mbuf_sanity_check(pkts[i], 1);
		REQUIRE(rte_pktmbuf_read(pkts[i], pkts[i]->pkt_len - 1, 1, &byte) != NULL);
		rte_pktmbuf_free(pkts[i]);
	}
}

static void
op_query(struct input *in)
{
	uint16_t ring = take_u8(in), a, u;
	struct rte_vhost_memory *mem = NULL;
	struct rte_vhost_stat stats[17];
	struct rte_vhost_vring vring;
	uint64_t f;

	(void)rte_vhost_get_vring_num(vid);
	(void)rte_vhost_get_negotiated_features(vid, &f);
	(void)rte_vhost_get_vhost_vring(vid, ring, &vring);
	(void)rte_vhost_get_vring_base(vid, ring, &a, &u);
	(void)rte_vhost_vring_call(vid, ring);
	(void)rte_vhost_enable_guest_notification(vid, ring, ring & 1);
	(void)rte_vhost_rx_queue_count(vid, ring);
	(void)rte_vhost_avail_entries(vid, ring);
	(void)rte_vhost_vring_stats_get(vid, ring, stats, 17);
	if (rte_vhost_get_mem_table(vid, &mem) == 0)
		free(mem);
}

/* ---- one input ---- */

static void
run_operation(struct input *in)
{
	switch (take_u8(in) % 12) {
	case 0: op_greet(in); break;
	case 1: op_ring(in); break;
	case 2: op_message(in); break;
	case 3: op_raw(in); break;
	case 4: op_write(in); break;
	case 5: op_split_chain(in); break;
	case 6: op_packed_desc(in); break;
	case 7: op_enqueue(in); break;
	case 8: op_dequeue(in); break;
	case 9: op_query(in); break;
	case 10:
		if (!barrier())
			reconnect();
		break;
	default: reconnect(); break;
	}
	discard_replies();
}

static void
show_fds(void)
{
	char link[32], text[128];
	ssize_t n;
	int fd;

	for (fd = 0; fd < 64; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, text, sizeof(text) - 1);
		if (n > 0)
			fprintf(stderr, "fd %d: %.*s\n", fd, (int)n, text);
	}
}

static void
wait_until_gone(int free_fd)
{
	int ms;

	for (ms = 0; ms < PATIENCE_MS; ms++) {
		if (connections == disconnections && lowest_free_fd() == free_fd &&
				rte_mempool_avail_count(pool) == POOL_MBUFS)
			return;
		usleep(1000);
	}
	fprintf(stderr, "%d connections, %d disconnections; first free fd %d, now %d; %u of %d mbufs\n", connections,
		disconnections, free_fd, lowest_free_fd(), rte_mempool_avail_count(pool), POOL_MBUFS);
	show_fds();
	abort();
}

static void
run_input(struct input in)
{
	unsigned int i;

	memset(ram, 0, RAM_SIZE / 2);
	features_in_use = 0;
	reconnect();
	REQUIRE(barrier()); /* the back-end lives, whatever came before */
	for (i = 0; i < MAX_OPS && in.left > 0; i++)
		run_operation(&in);
	(void)barrier();
	close(sock);
	sock = -1;
}

/* A device that runs and signals its driver, so that what the library opens once for the process is open. */
static int
warm_up(void)
{
	static const uint8_t words[] = { 0, 1, 1, 0x58, 1, 0x59, 10, 9, 1, 10 };
	int ms;

	run_input((struct input){ words, sizeof(words) });
	for (ms = 0; ms < PATIENCE_MS && connections != disconnections; ms++)
		usleep(1000);
	usleep(300000); /* closing is done by workers */
	return lowest_free_fd();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int free_fd = -1;

	if (free_fd < 0)
		free_fd = warm_up();
	run_input((struct input){ data, size });
	wait_until_gone(free_fd);
	return 0;
}
