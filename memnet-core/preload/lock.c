/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's handlers are called by one of ours. In a thread that holds a lock it only
 * notes the signal, and has every other blocked from there on; who lets the last lock go
 * sends the signal again, to its own thread, and opens the mask. So an uncontended lock costs
 * a counter, and no system call. Nor is such a thread cancelled: it would keep the lock.
 */
#include "memnet-core/preload/lock.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "memnet-core/preload/real.h"

static __thread struct {
	int depth;		/* locks held, and mn_hold() */
	int cancel;		/* the program's state of cancellation */
	bool waits;		/* everything is blocked, and this opens it again: */
	sigset_t mask;
	int signo;		/* 0: the signal was the parent's */
	siginfo_t info;
} own __attribute__((tls_model("initial-exec")));

/* Of the program, while the kernel has ours. */
static struct {
	void *handler;
	bool siginfo;		/* its SA_SIGINFO */
} actions[NSIG];

static void deliver(void)
{
	int err = errno, signo = own.signo;
	siginfo_t info = own.info;
	sigset_t mask = own.mask;

	own.waits = false;
	if (signo)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), signo, &info);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	errno = err;
}

void mn_hold(void)
{
	bool first = !own.depth++;

	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (first)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &own.cancel);
}

void mn_release(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (own.depth == 1)
		pthread_setcancelstate(own.cancel, NULL);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	own.depth--;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (!own.depth && own.waits)
		deliver();
}

int mn_lock(pthread_mutex_t *mutex)
{
	mn_hold();
	return pthread_mutex_lock(mutex);
}

int mn_unlock(pthread_mutex_t *mutex)
{
	int ret = pthread_mutex_unlock(mutex);

	mn_release();
	return ret;
}

void mn_lock_forked(void)
{
	own.signo = 0;
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;
	void (*handler)(int, siginfo_t *, void *);

	if (own.depth) {
		own.mask = interrupted->uc_sigmask;
		own.signo = signo;
		own.info = *info;
		own.waits = true;
		sigfillset(&interrupted->uc_sigmask);
		return;
	}
	handler = __atomic_load_n(&actions[signo].handler, __ATOMIC_ACQUIRE);
	handler(signo, info, context);	/* one without SA_SIGINFO takes the first only */
}

/* Those that say of the code that it went wrong do not wait; nor what is to be there once. */
static bool is_ours(int signo, const struct sigaction *action)
{
	static const int at_once[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };

	for (size_t i = 0; i < sizeof(at_once) / sizeof(at_once[0]); i++)
		if (signo == at_once[i])
			return false;
	return signo > 0 && signo < NSIG && action->sa_handler != SIG_DFL &&
	       action->sa_handler != SIG_IGN && !(action->sa_flags & SA_RESETHAND);
}

static void show_programs(int signo, struct sigaction *old, void *handler, bool siginfo)
{
	if (old->sa_sigaction != on_signal)
		return;
	old->sa_sigaction = handler;
	if (!siginfo)
		old->sa_flags &= ~SA_SIGINFO;
}

EXPORT int sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
	bool known = signo > 0 && signo < NSIG;
	void *handler = known ? __atomic_load_n(&actions[signo].handler, __ATOMIC_ACQUIRE) : NULL;
	bool siginfo = known && actions[signo].siginfo;
	struct sigaction ours;
	int ret;

	if (action && is_ours(signo, action)) {
		ours = *action;
		ours.sa_sigaction = on_signal;
		ours.sa_flags |= SA_SIGINFO;
		actions[signo].siginfo = action->sa_flags & SA_SIGINFO;
		__atomic_store_n(&actions[signo].handler, (void *)action->sa_sigaction,
				 __ATOMIC_RELEASE);
		action = &ours;
	}
	ret = mn_real()->sigaction(signo, action, old);
	if (!ret && old)
		show_programs(signo, old, handler, siginfo);
	return ret;
}

EXPORT sighandler_t signal(int signo, sighandler_t handler)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, signo);
	return sigaction(signo, &action, &old) ? SIG_ERR : old.sa_handler;
}
