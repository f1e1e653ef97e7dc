/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/guardian.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/expose.h"
#include "cmd/ikemeshd/fd_store.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/keyholder.h"
#include "cmd/ikemeshd/log.h"
#include "cmd/ikemeshd/notify.h"
#include "cmd/ikemeshd/privileges.h"
#include "cmd/ikemeshd/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_LEN 1024 /* octets of what an engine says */
#define ARGUMENTS_MAX 64
#define PATIENCE_MS 2000	    /* for a keyholder to go */
#define LIVED_US (2 * CLOCK_SECOND) /* a keyholder that did is started anew at once */
#define PAUSE_FIRST_US INT64_C(20000)
#define PAUSE_MOST_US INT64_C(250000)
#define AGAIN_US CLOCK_SECOND /* until what ended is started again */

/* To start the other two, to signal them, and to make the directories theirs. */
#define PRIVILEGES_GUARDIAN                                                        \
	(PRIVILEGES_ENGINE_START | PRIVILEGE(CAP_SETUID) | PRIVILEGE(CAP_SETGID) | \
	 PRIVILEGE(CAP_SETPCAP) | PRIVILEGE(CAP_KILL) | PRIVILEGE(CAP_CHOWN) |     \
	 PRIVILEGE(CAP_DAC_OVERRIDE) | PRIVILEGE(CAP_FOWNER))

#define LOG_AREA AREA_DAEMON

struct guardian {
	const struct guardian_options *o;
	struct log *log;
	int lock;
	struct privileges_user user;
	bool has_user;
	int signals, words, keys; /* signalfd, what the engine says, where the keyholder listens */
	char words_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct fd_store store;
	struct expose *exposed;	       /* NULL: nothing is */
	pid_t self, engine, keyholder; /* 0: not there */
	struct mono keyholder_at;      /* to be started again; MONO_NEVER: it runs */
	struct mono keyholder_born;
	int64_t pause_us; /* until then, if it does not live long */
	int status;	  /* of the engine, as wait() has it */
	bool stopping;	  /* it was told to end */
	bool ending;	  /* it has ended, and so do we */
	bool told_lost;	  /* that what it handed over did not arrive */
	sigset_t mask;	  /* as it was before us */
};

static int failed(const struct guardian *g, const char *what, int err)
{
	log_text(g->log, REPORT_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

/* ---- children -------------------------------------------------------------------------------- */

/* Its first argument says what the program is to be. */
static void execute(const struct guardian *g, const char *role)
{
	char *argv[ARGUMENTS_MAX + 2] = { g->o->argv[0], (char *)role };
	size_t n = 2;

	for (char *const *a = g->o->argv + 1; *a != NULL && n < ARGUMENTS_MAX; a++)
		argv[n++] = *a;
	execv(g->o->program, argv);
	(void)failed(g, g->o->program, -errno);
	_exit(1);
}

/* It ends with us, however we end. */
static int tie(const struct guardian *g)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return -errno;
	return getppid() == g->self ? 0 : -ESRCH;
}

static void be_keyholder(const struct guardian *g)
{
	const struct fd_store only = { .n = 1, .p = { { .fd = g->keys, .name = "keys" } } };
	int err = fd_store_hand(&only);

	/* What is said to a service manager is the engine's business. */
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	if (err == 0)
		err = privileges_become(NULL, 0);
	if (err == 0)
		err = tie(g);
	if (err == 0)
		execute(g, "--keyholder");
	_exit(failed(g, "cannot start the keyholder", err) != 0);
}

static void be_engine(const struct guardian *g)
{
	int err = fd_store_hand(&g->store);

	if (err == 0 && setenv("NOTIFY_SOCKET", g->words_path, 1) != 0)
		err = -errno;
	unsetenv("WATCHDOG_PID"); /* the manager's watchdog, if there is one, hears us */
	if (err == 0)
		err = run_dir_pass(g->log, g->lock);
	if (err == 0 && g->exposed != NULL)
		err = expose_pass(g->exposed);
	if (err == 0)
		err = privileges_become(g->has_user ? &g->user : NULL, PRIVILEGES_ENGINE_START);
	if (err == 0)
		err = tie(g);
	if (err == 0)
		execute(g, "--engine");
	_exit(failed(g, "cannot start the engine", err) != 0);
}

static pid_t start(struct guardian *g, void (*be)(const struct guardian *))
{
	pid_t child = fork();

	if (child != 0)
		return child < 0 ? (failed(g, "fork", -errno), 0) : child;
	sigprocmask(SIG_SETMASK, &g->mask, NULL);
	be(g);
	_exit(1);
}

static void start_keyholder(struct guardian *g)
{
	g->keyholder_born = clock_now();
	g->keyholder = start(g, be_keyholder);
	g->keyholder_at = g->keyholder > 0 ? MONO_NEVER : clock_after(clock_now(), AGAIN_US);
}

static void say_end(const struct guardian *g, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == KEYHOLDER_OTHER_VERSION)
		log_text(g->log, REPORT_NOTICE, "the keyholder makes way for another one");
	else if (WIFSIGNALED(status))
		log_text(g->log, REPORT_WARNING,
			 "the keyholder was killed by signal %d, and is started anew",
			 WTERMSIG(status));
	else
		log_text(g->log, REPORT_WARNING, "the keyholder ended with %d, and is started anew",
			 WEXITSTATUS(status));
}

/* At once if it had lived for a while, else ever later. */
static void keyholder_ended(struct guardian *g, int status)
{
	const struct mono now = clock_now();

	g->keyholder = 0;
	if (clock_after(g->keyholder_born, LIVED_US).us <= now.us)
		g->pause_us = 0;
	g->keyholder_at = clock_after(now, g->pause_us);
	g->pause_us = g->pause_us == 0 ? PAUSE_FIRST_US : 2 * g->pause_us;
	if (g->pause_us > PAUSE_MOST_US)
		g->pause_us = PAUSE_MOST_US;
	if (!g->ending)
		say_end(g, status);
}

static void on_children(struct guardian *g)
{
	int status;
	pid_t child;

	while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
		if (child == g->engine) {
			g->engine = 0;
			g->status = status;
		} else if (child == g->keyholder) {
			keyholder_ended(g, status);
		}
	}
}

/* ---- what the engine says -------------------------------------------------------------------- */

static int open_words(struct guardian *g)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (snprintf(g->words_path, sizeof(g->words_path), "%s/notify", g->o->run_dir) >=
	    (int)sizeof(g->words_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, g->words_path, sizeof(a.sun_path));
	g->words = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->words < 0)
		return -errno;
	if (unlink(a.sun_path) != 0 && errno != ENOENT)
		return -errno;
	if (fchmod(g->words, 0600) != 0 || bind(g->words, (struct sockaddr *)&a, sizeof(a)) != 0)
		return -errno;
	if (g->has_user && chown(a.sun_path, g->user.uid, g->user.gid) != 0)
		return -errno;
	return 0;
}

/*
 * One descriptor at most: more, and what was cut, is not to be understood. CMSG_LEN, as the padding
 * of CMSG_SPACE would let a second one in, which nobody closes.
 */
static bool hear(struct guardian *g, char text[static TEXT_LEN], int *fd)
{
	struct iovec data = { .iov_base = text, .iov_len = TEXT_LEN - 1 };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = CMSG_LEN(sizeof(int)) };
	ssize_t n = recvmsg(g->words, &m, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*fd = -1;
	if (n < 0)
		return false;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(*fd)))
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	text[n] = '\0';
	/* Once: the engine may send as much as it likes. */
	if ((m.msg_flags & MSG_CTRUNC) != 0 && !g->told_lost)
		log_text(g->log, REPORT_WARNING,
			 "what the engine handed over is lost: this process may open no more "
			 "descriptors (LimitNOFILE=), or there was more than one");
	g->told_lost = g->told_lost || (m.msg_flags & MSG_CTRUNC) != 0;
	if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		text[0] = '\0';
	return true;
}

/* A manager of our own hears it, too, but for what an engine has no business to say. */
static void on_words(struct guardian *g)
{
	char text[TEXT_LEN];
	int fd;

	while (hear(g, text, &fd)) {
		if (notify_is_harmless(text))
			(void)(fd >= 0 ? notify_with(text, fd) : notify(text));
		fd_store_hear(&g->store, text, fd);
	}
}

/* ---- signals --------------------------------------------------------------------------------- */

static int open_signals(struct guardian *g)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, &g->mask) != 0)
		return -errno;
	g->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return g->signals >= 0 ? 0 : -errno;
}

/* Known before the one that runs goes. */
static bool has_successor(const struct guardian *g)
{
	if (access(g->o->program, X_OK) == 0)
		return true;
	log_text(g->log, REPORT_ERROR, "%s cannot be executed (%s): the one that runs goes on",
		 g->o->program, strerror(errno));
	return false;
}

/* As it came: root's may say what kind of stop it is (stop.h). */
static void pass_on(struct guardian *g, const struct signalfd_siginfo *info)
{
	const union sigval value = { .sival_int = info->ssi_int };

	g->stopping |= info->ssi_signo == SIGTERM || info->ssi_signo == SIGINT;
	if (g->engine == 0 || (info->ssi_signo == SIGUSR2 && !has_successor(g)))
		return;
	if (info->ssi_code == SI_QUEUE && info->ssi_uid == 0)
		sigqueue(g->engine, (int)info->ssi_signo, value);
	else
		kill(g->engine, (int)info->ssi_signo);
}

static void on_signals(struct guardian *g)
{
	struct signalfd_siginfo info;

	while (read(g->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			on_children(g);
		else
			pass_on(g, &info);
	}
}

/* ---- from begin to end ----------------------------------------------------------------------- */

static void find_user(struct guardian *g)
{
	const uint64_t needed = PRIVILEGE(CAP_SETUID) | PRIVILEGE(CAP_SETGID) |
				PRIVILEGE(CAP_SETPCAP) | PRIVILEGE(CAP_CHOWN);

	g->has_user = privileges_find(g->o->user, &g->user) == 0 && g->user.uid != 0;
	if (!g->has_user)
		log_text(g->log, REPORT_WARNING,
			 "THERE IS NO USER %s: what talks to the network stays root, with few "
			 "capabilities; `adduser --system --group %s`, or name another by --user",
			 g->o->user, g->o->user);
	if (!g->has_user || (privileges_have() & needed) == needed)
		return;
	g->has_user = false;
	log_text(g->log, REPORT_WARNING,
		 "what talks to the network stays root: to make it user %s takes CAP_SETUID, "
		 "CAP_SETGID, CAP_SETPCAP and CAP_CHOWN",
		 g->o->user);
}

static int give(const struct guardian *g, const char *dir, mode_t mode)
{
	int err = run_dir_give(dir, mode, g->user.uid, g->user.gid);

	if (err != -EACCES)
		return err == 0 ? 0 : failed(g, dir, err);
	log_text(g->log, REPORT_ERROR,
		 "%s cannot become user %s's, since others may read it: chmod 711 it, or name "
		 "another directory",
		 dir, g->o->user);
	return err;
}

static int give_directories(const struct guardian *g)
{
	int err = give(g, g->o->run_dir, RUN_DIR_MODE);

	return err == 0 ? give(g, g->o->state_dir, 0700) : err;
}

/* The engine may not be root, who alone may open the files. */
static int open_exposed(struct guardian *g)
{
	char why[EXPOSE_TEXT_LEN];
	int err;

	if (g->o->expose_dir == NULL)
		return 0;
	err = expose_open(g->o->expose_dir, &g->exposed, why);
	if (err != 0)
		log_text(g->log, REPORT_ERROR, "no keys can be exposed: %s", why);
	else if (why[0] != '\0')
		log_text(g->log, REPORT_WARNING, "%s", why);
	return err;
}

static int open_keys(struct guardian *g)
{
	char path[sizeof(g->words_path)];

	snprintf(path, sizeof(path), "%s/" KEYHOLDER_SOCKET, g->o->run_dir);
	g->keys = key_channel_listen(path, g->user.uid);
	return g->keys >= 0 ? 0 : failed(g, path, g->keys);
}

static int prepare(struct guardian *g)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int err = open_exposed(g);

	if (err == 0)
		err = run_dir_take(g->o->run_dir, g->log, &g->lock);
	if (err != 0)
		return err;
	if ((err = open_signals(g)) != 0)
		return failed(g, "signals", err);
	find_user(g);
	if ((err = give_directories(g)) != 0)
		return err;
	if ((err = open_words(g)) != 0)
		return failed(g, g->words_path, err);
	if ((err = open_keys(g)) != 0)
		return err;
	/* Of both, who hold keys and keep them out of swap. */
	(void)setrlimit(RLIMIT_MEMLOCK, &all);
	/* Where we may not, there is less than that as a rule. */
	(void)privileges_bound(PRIVILEGES_GUARDIAN);
	return 0;
}

static void turn(struct guardian *g)
{
	struct pollfd p[] = { { .fd = g->signals, .events = POLLIN },
			      { .fd = g->words, .events = POLLIN } };
	const int64_t wait = g->keyholder_at.us - clock_now().us;

	poll(p, 2,
	     g->keyholder_at.us == MONO_NEVER.us ? -1
	     : wait > 0				 ? (int)(wait / 1000) + 1
						 : 0);
	/* What it said before it ended comes first. */
	on_words(g);
	on_signals(g);
	if (g->keyholder == 0 && g->keyholder_at.us <= clock_now().us)
		start_keyholder(g);
}

static void end_keyholder(struct guardian *g)
{
	const struct mono until = clock_after(clock_now(), PATIENCE_MS * INT64_C(1000));
	struct pollfd p = { .fd = g->signals, .events = POLLIN };

	g->ending = true;
	if (g->keyholder > 0)
		kill(g->keyholder, SIGTERM);
	while (g->keyholder > 0 && clock_now().us < until.us) {
		poll(&p, 1, 50);
		on_signals(g);
	}
	if (g->keyholder > 0 && kill(g->keyholder, SIGKILL) == 0)
		waitpid(g->keyholder, NULL, 0);
}

/* Returns only if that fails. */
static int again(struct guardian *g)
{
	int err = fd_store_hand(&g->store);

	sigprocmask(SIG_SETMASK, &g->mask, NULL);
	if (err == 0)
		err = run_dir_pass(g->log, g->lock);
	if (err == 0) {
		execv(g->o->program, g->o->argv);
		execv("/proc/self/exe", g->o->argv); /* rather the old one than none */
	}
	return failed(g, g->o->program, err != 0 ? err : -errno);
}

static int conclude(struct guardian *g)
{
	const bool died = WIFSIGNALED(g->status) && !g->stopping;

	on_words(g);
	end_keyholder(g);
	if (died) {
		log_text(g->log, REPORT_ERROR,
			 "the engine died of signal %d (%s): it is started again",
			 WTERMSIG(g->status), strsignal(WTERMSIG(g->status)));
		usleep(AGAIN_US);
	}
	if (died || (WIFEXITED(g->status) && WEXITSTATUS(g->status) == EXIT_SUCCEED))
		return again(g) != 0;
	unlink(g->words_path);
	return WIFEXITED(g->status) ? WEXITSTATUS(g->status) : 128 + WTERMSIG(g->status);
}

static int run(struct guardian *g)
{
	fd_store_take(&g->store);
	if (prepare(g) != 0)
		return 1;
	start_keyholder(g);
	g->engine = start(g, be_engine);
	if (g->engine == 0)
		return 1;
	while (g->engine != 0)
		turn(g);
	return conclude(g);
}

int guardian_run(const struct guardian_options *options)
{
	struct guardian g = { .o = options,
			      .lock = -1,
			      .signals = -1,
			      .words = -1,
			      .keys = -1,
			      .self = getpid(),
			      .keyholder_at = MONO_NEVER };
	int status;

	if (log_open(LOG_TO_STDERR, NULL, REPORT_INFO, &g.log) != 0)
		return 1;
	status = run(&g);
	expose_close(g.exposed);
	log_close(g.log);
	return status;
}
