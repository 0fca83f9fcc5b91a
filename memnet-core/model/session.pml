/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attach, offer, ready, detach, restart: nothing of an old session is taken for the
 * new one, and no honest guest is accused of breaking the protocol.
 *
 * Theory of operation. The host (host.c) may be killed at any step and comes anew,
 * or offers a new session because its guest was silent. The owner (session.c, the
 * agent) may be killed at any step, KILLS times, and another comes. A client, a
 * process with a channel of its own, works until it notices that the session is
 * another one; between that look and its store anything may happen. An index in a
 * ring is the nonce of the session for which it was written, so whoever takes it
 * can tell. What the host offers (features, geometry) is the nonce it belongs to;
 * what the owner accepts differs by owner (0, 1), as features may.
 *
 * One assumption the code makes by the clock is made here by waiting: an owner
 * attaches when the clients of the last session have left (LEAVE_NS, GRACE_MS).
 * CLIENT_STAYS shows what happens to who is slower than that.
 *
 * The properties: what the host takes from a ring, and the owner from a completion
 * ring, was written in the session they are in (stale); an accepted offer is the
 * one that was made (accused); host and owner are of one mind about the features of
 * the session they are in (at_odds).
 *
 * Must fail: NONCE_LAST (what is offered is read before its nonce), NO_RESET (rings
 * emptied when a session is offered and not when it is accepted), SAME_NONCE (a
 * host that comes anew offers the old nonce), ANY_NONCE (g_session is not looked
 * at), NO_ECHO (the host does not tell back which features it accepted: it may have
 * looked at g_state before, and at g_features while the next owner writes it),
 * CLIENT_STAYS.
 *
 * Not covered: memory weaker than sequential consistency; liveness (an owner that
 * waits in vain gives up and tries again); two owners at once (the region's lock).
 */
#define OFFERS	4	/* sessions in all */
#ifndef KILLS
#define KILLS	1
#endif

#define NONE 0
#define OFFER 1
#define READY 2

#define DETACHED 0
#define ATTACHED 1

/* struct mn_header */
bool h_magic;
byte h_state, h_session, h_offer;
bool h_accepted;	/* the features, told back: see NO_ECHO */
byte g_state, g_session, g_offer;
bool g_features;
/* struct mn_channel: submissions of the owner and of the client; completions of the owner */
byte ring[2], completion;

/* struct mn_host */
byte session, nonce;
bool features, ready;
/* struct mn_session */
byte client_session;	/* the client's, 0: there is none */
bool host_killed, owner_killed, owner_features;
byte kills;
bool stale, accused, at_odds;

#ifdef SAME_NONCE
#define NEW_NONCE(old)	1
#else
#define NEW_NONCE(old)	((old) + 1)
#endif

/* reset_all() */
inline reset_all()
{
	ring[0] = 0;
	ring[1] = 0;
	completion = 0
}

/* offer_session() */
inline offer_session()
{
	ready = false;
	reset_all();
	nonce < OFFERS;		/* the model's end */
	atomic { nonce = NEW_NONCE(nonce); session = nonce };
	h_offer = session;
	h_session = session;
	h_state = OFFER
}

/* init_region(): the header is zeroed, the guest's words as well. */
inline init_region()
{
	h_magic = false;
	h_state = NONE;
	h_session = 0;
	h_offer = 0;
	g_state = DETACHED;
	g_session = 0;
	offer_session();
	h_magic = true
}

/* accept_guest() */
inline accept_guest()
{
#ifndef ANY_NONCE
	if
	:: g_session == session
	:: else -> goto round
	fi;
#endif
	accused = g_offer != session;
	assert(!accused);
#ifndef NO_RESET
	reset_all();
#endif
	atomic { features = g_features; ready = true };
	h_accepted = features;
	h_state = READY
}

/* run_channels(): a submission is taken and, for the owner, completed. */
inline run_channel(c)
{
	atomic {
		ring[c] != 0 ->
		stale = ring[c] != session;
		assert(!stale);
		ring[c] = 0
	};
	if
	:: c == 0 -> completion = session
	:: else
	fi
}

inline host_lives()
{
	init_region();
round:	do
	:: seen = g_state;	/* follow_guest_state() */
	   if
	   :: seen == ATTACHED && !ready -> accept_guest()
	   :: seen == DETACHED && ready -> offer_session()
	   :: else
	   fi
	:: ready -> run_channel(0)
	:: ready -> run_channel(1)
	:: ready -> offer_session()	/* check_guest_heartbeat(): silent */
	od
}

active proctype host()
{
	byte seen;

	do
	:: { host_lives() } unless {
		atomic { host_killed -> host_killed = false; ready = false }
	   }
	od
}

/* mn_session_attach() and what the owner does with the session. */
inline owner_lives()
{
	offer = 0;
attach:	atomic { mine = 0; g_state = DETACHED };
#ifndef CLIENT_STAYS
	client_session == 0;
#endif
	h_magic && h_state == OFFER;	/* wait_host_state() */
#ifdef NONCE_LAST
	offer = h_offer;		/* take_offer() */
	mine = h_session;
#else
	mine = h_session;
	offer = h_offer;
#endif
	g_features = owner_features;	/* accept_offer() */
	g_offer = offer;
	g_session = mine;
	g_state = ATTACHED;
	if
	:: h_magic && h_state == READY
	:: h_session != mine -> goto attach	/* -ETIMEDOUT, and the timer tries again */
	fi;
#ifndef NO_ECHO
	if
	:: h_accepted != owner_features -> goto attach	/* accepted for a killed one */
	:: else
	fi;
#endif
	if
	:: client_session == 0 -> client_session = mine
	:: true
	fi;
	do
	:: atomic {
		ring[0] = mine;		/* mn_producer_commit() */
		at_odds = ready && session == mine && features != owner_features;
		assert(!at_odds)
	   }
	:: atomic {
		completion != 0 ->
		stale = completion != mine;
		assert(!stale);
		completion = 0
	   }
	:: h_session != mine || h_state != READY -> break	/* mn_session_check() */
	:: true -> break					/* it has had enough */
	od;
	g_state = DETACHED;	/* mn_session_detach() */
	goto attach
}

active proctype owner()
{
	byte mine, offer;

	do
	:: { owner_lives() } unless {
		atomic { owner_killed -> owner_killed = false; owner_features = !owner_features }
	   }
	od
}

active proctype client()
{
	do
	:: client_session != 0 ->
		if
		:: h_session == client_session && h_state == READY ->
			ring[1] = client_session
		:: else -> client_session = 0	/* -ECONNRESET: it leaves */
		fi
	od
}

active proctype killer()
{
	do
	:: kills < KILLS -> atomic { kills++; owner_killed = true }
	:: kills < KILLS -> atomic { kills++; host_killed = true }
	od
}
