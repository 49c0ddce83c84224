/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signalling a peer's eventfd without ever sleeping: the kernel adds 1 to the completion eventfd of an empty read of
 * /dev/null. It saturates instead of waiting, whatever the file flags say. All threads share a few AIO contexts.
 * May touch: system calls; the kernel's completion rings, mapped into our memory. Any thread, data threads included.
 * Rule: FD-8
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "efd.h"
#include "sys.h"

#define MAX_CONTEXTS 16
/* requests per context; more than threads that can be inside io_submit at once, as each submits one and it completes */
#define CONTEXT_EVENTS 128
#define RING_MAGIC 0xa10a10a1u
#define SUBMIT_TRIES 4

/* Completion ring as the kernel lays it out at the address that is the context's id (linux/fs/aio.c, stable ABI). */
struct aio_ring {
	uint32_t id, nr;
	uint32_t head; /* ours to write */
	uint32_t tail; /* kernel */
	uint32_t magic, compat_features, incompat_features, header_length;
};

static struct {
	pthread_mutex_t lock;
	bool tried;
	bool atfork;
	int null_read;   /* /dev/null, what is read */
	int null_write;  /* /dev/null open for writing: reading it fails behind the check of the eventfd */
	aio_context_t context[MAX_CONTEXTS];
	uint32_t nr;     /* atomic; 0 = fallback */
} aio = { .lock = PTHREAD_MUTEX_INITIALIZER, .null_read = -1, .null_write = -1 };

static uint32_t next_thread;
static __thread uint32_t thread_slot; /* 0 = not numbered yet */

static struct aio_ring *
ring_of(aio_context_t ctx)
{
	return (struct aio_ring *)ctx;
}

static bool
context_open(aio_context_t *ctx)
{
	const struct aio_ring *r;

	*ctx = 0;
	if (syscall(SYS_io_setup, CONTEXT_EVENTS, ctx) < 0)
		return false;
	r = ring_of(*ctx);
	if (r->magic == RING_MAGIC && r->incompat_features == 0)
		return true;
	(void)syscall(SYS_io_destroy, *ctx);
	return false;
}

/* The child has none of the parent's contexts; it makes its own when it first takes over an eventfd. */
static void
forget_in_child(void)
{
	pthread_mutex_init(&aio.lock, NULL);
	__atomic_store_n(&aio.nr, 0, __ATOMIC_RELEASE);
	aio.tried = false;
}

static uint32_t
wanted_contexts(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 1 ? 1 : cpus > MAX_CONTEXTS ? MAX_CONTEXTS : (uint32_t)cpus;
}

static void
open_locked(void)
{
	uint32_t want = wanted_contexts(), n = 0;

	aio.tried = true;
	if (!aio.atfork)
		aio.atfork = pthread_atfork(NULL, NULL, forget_in_child) == 0;
	if (aio.null_read < 0)
		aio.null_read = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (aio.null_write < 0)
		aio.null_write = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (!aio.atfork || aio.null_read < 0 || aio.null_write < 0)
		return;
	while (n < want && context_open(&aio.context[n]))
		n++;
	__atomic_store_n(&aio.nr, n, __ATOMIC_RELEASE);
}

static void
open_once(void)
{
	pthread_mutex_lock(&aio.lock);
	if (!aio.tried)
		open_locked();
	pthread_mutex_unlock(&aio.lock);
}

static int
submit(aio_context_t ctx, int file, int efd)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)file, .aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)efd };
	struct iocb *list = &cb;

	return syscall(SYS_io_submit, ctx, 1, &list) == 1 ? 0 : -errno;
}

/*
 * Give all completions back to the kernel. Threads that share a context may write an older tail here than another just
 * did: the kernel then merely believes a little longer that the ring is in use.
 */
static void
reap(aio_context_t ctx)
{
	struct aio_ring *r = ring_of(ctx);

	__atomic_store_n(&r->head, __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE), __ATOMIC_RELAXED);
}

/* Threads spread over the contexts by their order of arrival. */
static uint32_t
thread_number(void)
{
	if (vh_unlikely(thread_slot == 0))
		thread_slot = __atomic_add_fetch(&next_thread, 1, __ATOMIC_RELAXED);
	return thread_slot;
}

int
vh_efd_kernel_test(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_PATH) != 0)
		return 0; /* these give EBADF below, too */
	if (vh_efd_fallback())
		return -1;
	/* the eventfd is checked before the file, and a request that is refused signals nobody */
	return submit(aio.context[0], aio.null_write, fd) == -EBADF;
}

struct vh_efd *
vh_efd_create(int fd)
{
	struct vh_efd *e = malloc(sizeof(*e));
	int flags;

	if (e == NULL)
		return NULL;
	if (vh_efd_fallback()) {
		flags = fcntl(fd, F_GETFL);
		if (flags >= 0)
			(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	}
	e->refs = 1;
	e->fd = fd;
	return e;
}

void
vh_efd_get(struct vh_efd *e)
{
	__atomic_add_fetch(&e->refs, 1, __ATOMIC_RELAXED);
}

void
vh_efd_put(struct vh_efd *e)
{
	if (e == NULL || __atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	vh_sys_close(e->fd);
	free(e);
}

/* One write if it will not wait. Between the two the peer can still clear O_NONBLOCK and fill the counter. */
static VH_COLD int
signal_by_write(const struct vh_efd *e)
{
	short got = vh_sys_poll_now(e->fd, POLLOUT);

	if ((got & (POLLOUT | POLLNVAL)) == 0)
		return -EAGAIN;
	return vh_sys_eventfd_add(e->fd, 1) == sizeof(uint64_t) ? 0 : -errno;
}

int
vh_efd_signal(struct vh_efd *e)
{
	uint32_t nr = __atomic_load_n(&aio.nr, __ATOMIC_ACQUIRE), at = thread_number(), i;
	aio_context_t ctx;
	int rc = -EAGAIN;

	if (vh_unlikely(nr == 0))
		return signal_by_write(e);
	for (i = 0; i < SUBMIT_TRIES && rc == -EAGAIN; i++) {
		ctx = aio.context[(at + i) % nr];
		rc = submit(ctx, aio.null_read, e->fd);
		reap(ctx);
	}
	/* forbidden after the start, by a sandbox that was entered since */
	if (vh_unlikely(rc == -EPERM || rc == -EACCES || rc == -ENOSYS))
		return signal_by_write(e);
	return rc;
}

bool
vh_efd_fallback(void)
{
	open_once();
	return __atomic_load_n(&aio.nr, __ATOMIC_ACQUIRE) == 0;
}
