/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon as one object: it owns every part, wires what happens to the core, and what the core
 * wants to the parts. Everything runs in one thread but the crypto jobs.
 */
#ifndef IKEMESH_CMD_DAEMON_H
#define IKEMESH_CMD_DAEMON_H

#include "cmd/ikemeshd/clear.h"
#include "cmd/ikemeshd/control.h"
#include "cmd/ikemeshd/early.h"
#include "cmd/ikemeshd/events.h"
#include "cmd/ikemeshd/expose.h"
#include "cmd/ikemeshd/handover.h"
#include "cmd/ikemeshd/healing.h"
#include "cmd/ikemeshd/heap.h"
#include "cmd/ikemeshd/ke_stock.h"
#include "cmd/ikemeshd/key_client.h"
#include "cmd/ikemeshd/log.h"
#include "cmd/ikemeshd/loop.h"
#include "cmd/ikemeshd/metrics_json.h"
#include "cmd/ikemeshd/mode_switch.h"
#include "cmd/ikemeshd/perform.h"
#include "cmd/ikemeshd/policies.h"
#include "cmd/ikemeshd/pool.h"
#include "cmd/ikemeshd/preflight.h"
#include "cmd/ikemeshd/rotate_json.h"
#include "cmd/ikemeshd/stop.h"
#include "cmd/ikemeshd/takeover.h"
#include "cmd/ikemeshd/udp.h"
#include "cmd/ikemeshd/watch.h"
#include "cmd/ikemeshd/watchdog.h"
#include "config/config.h"
#include "ike/engine.h"
#include "xfrm/address.h"
#include "xfrm/kernel.h"
#include "xfrm/route.h"

#define IKE_PORT 500
#define IKE_PORT_NATT 4500

#define DAEMON_TEXT_LEN 4400

struct daemon_options {
	const char *config_path;
	const char *run_dir;
	const char *state_dir; /* outlives a reboot */
	const char *user;      /* who its engine is */
	enum report_level log_level;
	const char *expose_dir; /* NULL: no keys leave the process */
	const char *program;	/* this one, as it is to be executed anew */
	char *const *argv;
};

enum daemon_phase {
	DAEMON_STARTING,
	DAEMON_RUNNING,
	DAEMON_LEAVING, /* DELETEs are out, peers may answer until leave_by */
	DAEMON_GONE,
};

/* A reload, and the one after it. */
#define RELOAD_WAITING 16 /* who wait for how it ends */
struct reload {
	bool asked, force;
	uint64_t tickets[RELOAD_WAITING]; /* of the control socket */
	size_t n;
};
struct reloading {
	struct reload now, next;
	int err; /* of the last one */
	char text[DAEMON_TEXT_LEN];
};

/* What the keyholder sees in the files of CRLs. */
struct look {
	bool under_way;
	bool due;	 /* read, and not yet in force */
	uint64_t serial; /* of what is known */
	uint32_t loads;	 /* of configurations: one that is under way may be of another */
};

/* One of the IKE sockets, for the loop. */
struct udp_source {
	struct daemon *d;
	size_t socket;
};

struct daemon {
	struct daemon_options options;
	enum daemon_phase phase;
	struct mono started;
	time_t started_wall;

	struct handover handover; /* what a predecessor left; empty once it is taken */
	struct keepsake keepsake; /* what the next one gets, whatever becomes of this one */
	struct mono keep_at;	  /* it is begun, or MONO_NEVER */
	char handover_why[HANDOVER_TEXT_LEN];

	int unlocked; /* why memory may be swapped: negative errno; 0: it is not */
	int lock;
	int signals;
	struct config *config; /* the core borrows its spec */
	struct log *log;
	struct expose *expose; /* --expose-keys; NULL: not */
	struct kernel *kernel;
	struct addresses *addresses;
	struct mono addresses_at; /* to be read again, since it failed; MONO_NEVER: all is well */
	struct policies policies;
	struct takeover takeover;
	struct udp *udp;
	struct udp_source udp_sources[UDP_SOCKETS];
	struct routes routes;
	struct pool *pool;
	struct ke_stock stock;	 /* of key pairs made ahead */
	struct mono busy_at;	 /* when the core was last told something but the time */
	struct key_client *keys; /* the line to the keyholder */
	char keys_path[CONTROL_PATH_LEN + 16];
	struct keyring *ring; /* whom to trust */
	struct engine *engine;
	struct random_stock random; /* the core's */
	struct heap heap;
	struct hands hands;
	struct performer performer;
	struct loop *loop;
	struct watchdog *watchdog; /* NULL: nobody wants to hear from us */
	struct control *control;
	struct healing *healing;
	struct early *early;
	struct events *events;	 /* for who watches */
	uint64_t events_told;	 /* up to this number, who waits for some was asked to come */
	struct mono tell_at;	 /* not before */
	struct mode_switch mode; /* what the optional flags of the spec are by now */
	struct clear *clear;
	uint32_t clear_follows; /* generation of the policies that clear watches */
	struct mono prune_at;
	uint64_t shortages;   /* told of so far: shortage.h */
	struct mono sweep_at; /* the kernel's SAs are held against the core's; or MONO_NEVER */
	struct watch *watch;
	struct rotation rotation;
	int rotation_timer;
	struct past_credential past[PAST_CREDENTIALS];
	struct metrics_past metrics;
	struct metrics_host metrics_host;

	struct mono trust_at; /* the next look at CRL files and our own certificate */
	struct look look;     /* at those */
	bool own_expired, own_closed;
	bool own_revoked; /* by the CRLs that are in force */

	struct reloading reloading;

	bool bad_config; /* it did not start for that */
	bool leave_asked, stop_told;
	enum stop_kind stop_kind; /* where stop_told */
	bool succession_asked;	  /* SIGUSR2: another is to go on */
	bool succession_checks;	  /* whether its start would fail */
	bool succession_due;	  /* it would not */
	bool handed_over;	  /* SAs stay in the kernel */
	bool wants_successor;	  /* at once: EXIT_SUCCEED */
	bool disable;		  /* `ikectl disable` was said */
	bool release;		  /* `ikectl release` was said */
	bool removes;		  /* our policies go as well */
	bool awaits_answers;	  /* of peers that were told that we leave */
	struct mono leave_by;
};

/* Runs until it is told to end. Exit status: 0; 1 when it could not start; DAEMON_BAD_CONFIG when
 * that was for errors in the configuration. */
int daemon_run(const struct daemon_options *options);

/*
 * boot.c: brings the kernel's policies to what the configuration wants, for the addresses that are
 * there and those to come, and ends: what ikemesh-policy.service does before there is a network.
 * Exit status: 0; 1: the kernel refused; DAEMON_BAD_CONFIG.
 */
#define DAEMON_BAD_CONFIG 2
int daemon_policies(const struct daemon_options *options);

/*
 * boot.c: sets the sysctls, keeps the values found in the run directory, and ends: for a daemon
 * whose /proc/sys is read-only. Exit status: 0; 1: not all could be set, which is told.
 */
int daemon_sysctls(const struct daemon_options *options);

/*
 * daemon_start.c: all that serving takes, step by step; each says itself what went wrong. 0 or
 * negative errno: daemon_run() gives back what there is by then.
 */
int daemon_start(struct daemon *d);
/* Says why it could not start, and what to do; err again. */
int daemon_refuse(struct daemon *d, int err, const char *what);

/* daemon_wire.c: what happens, and who hears of it. 0, or negative errno after having said why. */
int daemon_wire(struct daemon *d);
void daemon_on_kernel_event(const struct kernel_event *k, void *arg);
void daemon_on_control(void *arg);
void daemon_cannot_accept(void *arg, int err);
void daemon_say_of_keys(void *arg, enum report_level level, const char *text);

/* The time of this turn. */
struct mono daemon_now(const struct daemon *d);
struct mono daemon_clock(void *d); /* the same, for who has it as a pointer */

/* Feeds one event to the core and performs what comes of it. */
void daemon_feed(struct daemon *d, const struct event *event);

/* stock.c: key pairs made ahead, while nothing else happens. */
void daemon_stock_busy(struct daemon *d); /* something does */
struct mono daemon_stock_deadline(const struct daemon *d);
void daemon_stock_tick(struct daemon *d, struct mono now);

/* What keyholder and pool have done. */
void daemon_take_jobs(struct daemon *d);

/* Before the loop waits: where the pool has no workers, nothing wakes the loop for what is done. */
void daemon_take_done(struct daemon *d);

/* succeed.c: from a predecessor, and to a successor. All return 0 or negative errno. */
int daemon_succeed_take(struct daemon *d);    /* first of all: what is there */
int daemon_succeed_sockets(struct daemon *d); /* the IKE ports are open */
void daemon_succeed_load(struct daemon *d);   /* the core has its configuration */
void daemon_say_unlocked(const struct daemon *d);
void daemon_succeed_keep(struct daemon *d, struct bytes record); /* of a step */
void daemon_succeed_tidy(struct daemon *d);			 /* between two steps */
/* Of our own certificate, so that peers that were shown the same are known to have been. */
uint32_t daemon_first_generation(const struct daemon *d, const struct config *c);
int daemon_succeed(struct daemon *d); /* all is kept for the next one */
/* Once in each turn: SIGUSR2, which is refused where the next start would fail. */
void daemon_succeed_turn(struct daemon *d);

/* reload.c */
#define DAEMON_LOAD_S 60 /* how long the keyholder may take for the first configuration */

/*
 * The first configuration: waits for the keyholder, tells every problem to stderr, and makes it the
 * daemon's. *errors counts the file's: -EINVAL then.
 */
int daemon_load(struct daemon *d, size_t *errors);

/* Keeps what is protected now for a boot with a broken file; that it cannot is told to the log. */
void daemon_remember(struct daemon *d);

/* Tells every problem of a configuration: to the log, or to stderr if it is NULL. */
void daemon_tell(struct log *log, const struct problems *ps);

/*
 * Another one while it runs, read anew. Nobody waits for it but whoever has this ticket of the
 * control socket (0: nobody), who is answered when it is in force, or was refused and has changed
 * nothing: for its errors, or for connected peers that it would cut off, unless forced. One that is
 * asked for while another is under way comes after it, once for all who ask.
 */
void daemon_reload(struct daemon *d, bool force, uint64_t ticket);
bool daemon_reloads(const struct daemon *d);

/* missed.c: calls each with d for what the kernel may have said and nobody heard. */
void daemon_hear_missed(struct daemon *d, void (*each)(const struct kernel_event *, void *));

/* explain.c */
json_t *daemon_answer_explain(struct daemon *d, const json_t *request);

/* log_commands.c */
json_t *daemon_answer_log(struct daemon *d, const json_t *request);

/* metrics.c */
json_t *daemon_answer_metrics(struct daemon *d, const json_t *request);
/* Where ikemesh-exporter is to listen, or null: asked often, so nothing else is said. */
json_t *daemon_answer_metrics_listen(struct daemon *d, const json_t *request);

/* commands.c: answers a request of the control socket (control_options.ask); arg is the daemon. */
void daemon_ask(void *arg, const struct control_asker *asker, const json_t *request);
/* The answer itself, of those that are made at once and no text; NULL on no memory. */
json_t *daemon_answer(struct daemon *d, const json_t *request);

/* renew.c */
int daemon_renew_start(struct daemon *d);
void daemon_renew_close(struct daemon *d);
void daemon_watch_look(struct daemon *d); /* says what ends soon */
int daemon_rotate(struct daemon *d);	  /* begins to re-authenticate all peers; 0 or -ENOMEM */

/*
 * confine.c: before the first thread is started, capabilities and files that serving does not take
 * are let go; when all is open, system calls. 0, or negative errno after having said why.
 */
int daemon_confine(struct daemon *d);
int daemon_enter_sandbox(struct daemon *d);

/* heal.c: the wires between healing.h and the rest. 0 or negative errno. */
int daemon_heal_open(struct daemon *d);	 /* its sockets */
int daemon_heal_start(struct daemon *d); /* it is served */

/* mode.c: optional and enforced */
/* Reads what was chosen and applies it to the configuration; a daemon with none starts. */
int daemon_mode_start(struct daemon *d);
int daemon_clear_start(struct daemon *d); /* it is served; 0 or negative errno */
/* Once in each turn: the watch for peers in the clear goes by the policies as they are now. */
void daemon_clear_follow(struct daemon *d);
/* What nobody can confirm any more is taken back at once. */
void daemon_mode_back(struct daemon *d);
void daemon_mode_tick(struct daemon *d, struct mono now);
struct mono daemon_mode_deadline(const struct daemon *d);
json_t *daemon_answer_mode(struct daemon *d, const json_t *request);
json_t *daemon_answer_confirm(struct daemon *d, const json_t *request);

/* trusting.c: CRL files, and the age of our own certificate */
void daemon_trust_tick(struct daemon *d, struct mono now);
/* What is wrong with our own certificate, in words; empty: nothing. */
void daemon_own_fault(const struct daemon *d, char text[static VERDICT_TEXT_LEN]);
/* Another configuration is in force. */
void daemon_trust_loaded(struct daemon *d);
/* What could not be read of a file now stays as it was before. 0 or -ENOMEM. */
int daemon_keep_crls(const struct config *from, struct config *to);

/* monitor.c: what happens, for who watches. */
int daemon_monitor_start(struct daemon *d); /* 0 or negative errno */
void daemon_monitor_tick(struct daemon *d); /* once in each turn */
struct mono daemon_monitor_deadline(const struct daemon *d);
json_t *daemon_answer_events(struct daemon *d, const json_t *request);
/* exposing.c */
int daemon_expose_start(struct daemon *d);	/* 0 or negative errno, which was told */
void daemon_exposed(struct daemon *d, int err); /* what came of a line */

/* orphans.c */
/* SAs of ours that nobody stands for (a predecessor was killed). Returns how many went. */
size_t daemon_delete_orphans(struct daemon *d);
/* In a moment: an SA that should have gone may be there. */
void daemon_sweep_soon(struct daemon *d);
/* Once in each turn: that sweep, and before it that memory was short, which is said. */
void daemon_shortage_turn(struct daemon *d);

/* hands.c: how the core's actions are carried out. */
struct hands daemon_hands(struct daemon *d);

#endif
