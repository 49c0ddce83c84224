/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plat/efd.c: signals arrive, one by one, from many threads; a full counter never blocks; also where AIO is forbidden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balance.h"
#include "efd.h"

#define FULL UINT64_C(0xfffffffffffffffe)
#define THREADS 4
#define SIGNALS 20000
#define GENERATIONS 40

static uint64_t
take(int fd)
{
	uint64_t v = 0;

	return read(fd, &v, sizeof(v)) == sizeof(v) ? v : 0;
}

static void
fill(int fd)
{
	uint64_t v = FULL;

	assert_int_equal(write(fd, &v, sizeof(v)), sizeof(v));
}

static void
counts_references(void **state)
{
	struct balance before;
	struct vh_efd *e = vh_efd_create(eventfd(0, 0));

	vh_efd_put(e); /* the first one opens what stays open */
	before = balance_now();
	e = vh_efd_create(eventfd(0, 0));
	assert_non_null(e);
	vh_efd_get(e);
	vh_efd_put(e);
	assert_int_equal(vh_efd_signal(e), 0);
	vh_efd_put(e);
	vh_efd_put(NULL);
	balance_wait(before);
}

static void
adds_one_each(void **state)
{
	struct vh_efd *e = vh_efd_create(eventfd(0, EFD_NONBLOCK)), *s = vh_efd_create(eventfd(0, EFD_SEMAPHORE));
	int i;

	assert_false(vh_efd_fallback());
	/* far more than a completion ring has room for */
	for (i = 0; i < 5000; i++)
		assert_int_equal(vh_efd_signal(e), 0);
	assert_int_equal(take(e->fd), 5000);
	assert_int_equal(vh_efd_signal(s), 0);
	assert_int_equal(take(s->fd), 1);
	vh_efd_put(e);
	vh_efd_put(s);
}

/* A blocking writer would sleep here for ever. The alarm ends the test if the library does. */
static void
full_counter_does_not_block(void **state)
{
	struct vh_efd *e = vh_efd_create(eventfd(0, 0));
	int i;

	fill(e->fd);
	alarm(10);
	for (i = 0; i < 3; i++)
		assert_int_equal(vh_efd_signal(e), 0);
	alarm(0);
	assert_int_equal(fcntl(e->fd, F_GETFL) & O_NONBLOCK, 0); /* the flags are the peer's (V52) */
	assert_true(take(e->fd) >= FULL);
	assert_int_equal(vh_efd_signal(e), 0);
	assert_int_equal(take(e->fd), 1);
	vh_efd_put(e);
}

static void
refuses_other_files(void **state)
{
	struct vh_efd *e;
	int p[2];

	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	e = vh_efd_create(p[1]);
	assert_int_equal(vh_efd_signal(e), -EINVAL);
	assert_int_equal(take(p[0]), 0); /* nothing was written */
	vh_efd_put(e);
	close(p[0]);
}

static void *
signal_many(void *arg)
{
	uintptr_t failed = 0;
	int i;

	for (i = 0; i < SIGNALS; i++)
		failed += vh_efd_signal(arg) != 0;
	return (void *)failed;
}

static void
many_threads(void **state)
{
	struct vh_efd *e = vh_efd_create(eventfd(0, EFD_NONBLOCK));
	pthread_t t[THREADS];
	void *failed;
	int i, g;

	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, signal_many, e), 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(take(e->fd), THREADS * SIGNALS);
	/* threads that end leave nothing behind: contexts belong to the process */
	for (g = 0; g < GENERATIONS; g++) {
		assert_int_equal(pthread_create(&t[0], NULL, signal_many, e), 0);
		pthread_join(t[0], &failed);
		assert_null(failed);
	}
	assert_int_equal(take(e->fd), GENERATIONS * SIGNALS);
	vh_efd_put(e);
}

/* The parent's contexts are not the child's: an inherited eventfd is still signalled, a new one by new contexts. */
static int
child_signals(struct vh_efd *inherited)
{
	struct vh_efd *e;

	if (vh_efd_signal(inherited) != 0 || take(inherited->fd) != 1)
		return 2;
	e = vh_efd_create(eventfd(0, 0));
	if (e == NULL || vh_efd_fallback() || vh_efd_signal(e) != 0 || take(e->fd) != 1)
		return 3;
	return 1;
}

/* Make a system call number answer with EPERM from now on. */
static int
forbid(unsigned int nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int
check_fallback(struct vh_efd *e)
{
	if (vh_efd_signal(e) != 0 || take(e->fd) != 1)
		return 3;
	fill(e->fd);
	alarm(10);
	if (vh_efd_signal(e) != -EAGAIN || take(e->fd) != FULL)
		return 4;
	/* the peer clears the flag: polling before the write still keeps us from sleeping */
	if (fcntl(e->fd, F_SETFL, 0) < 0)
		return 5;
	fill(e->fd);
	if (vh_efd_signal(e) != -EAGAIN || take(e->fd) != FULL)
		return 6;
	return vh_efd_signal(e) == 0 && take(e->fd) == 1 ? 1 : 7;
}

static int
child_without_setup(struct vh_efd *unused)
{
	struct vh_efd *e;

	if (forbid(SYS_io_setup) < 0)
		return 2;
	e = vh_efd_create(eventfd(0, 0));
	if (e == NULL || !vh_efd_fallback() || vh_efd_kernel_test(e->fd) != -1)
		return 8;
	if (!(fcntl(e->fd, F_GETFL) & O_NONBLOCK))
		return 9;
	return check_fallback(e);
}

/* A sandbox that closes behind us: contexts exist, submitting is forbidden. */
static int
child_without_submit(struct vh_efd *unused)
{
	struct vh_efd *e = vh_efd_create(eventfd(0, 0));

	if (vh_efd_fallback() || forbid(SYS_io_submit) < 0)
		return 2;
	return check_fallback(e);
}

static void
in_child(int (*run)(struct vh_efd *e))
{
	struct vh_efd *e = vh_efd_create(eventfd(0, 0));
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run(e));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(vh_efd_signal(e), 0); /* and we go on as before */
	vh_efd_put(e);
}

static void
survives_fork(void **state)
{
	in_child(child_signals);
}

static void
falls_back_without_io_setup(void **state)
{
	in_child(child_without_setup);
}

static void
falls_back_without_io_submit(void **state)
{
	in_child(child_without_submit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_references),
		cmocka_unit_test(adds_one_each),
		cmocka_unit_test(full_counter_does_not_block),
		cmocka_unit_test(refuses_other_files),
		cmocka_unit_test(many_threads),
		cmocka_unit_test(survives_fork),
		cmocka_unit_test(falls_back_without_io_setup),
		cmocka_unit_test(falls_back_without_io_submit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
