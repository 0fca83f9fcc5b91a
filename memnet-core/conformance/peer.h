/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The peer: the other end of each connection, told what to do over a UNIX socket, one command
 * and one answer a message, in order. Each who connects to it gets a process of its own; what
 * that has open is closed when its end hangs up. It waits at most five seconds for anything.
 *
 *	listen FAMILY		a port; FAMILY is 4 or 6
 *	full FAMILY		a port whose queue is full and not accepted from
 *	unlisten		the listener is closed
 *	accept			the address and port of who connected; it is the one in use
 *	connect ADDR PORT	our port
 *	use I			the Ith of those accepted and connected, from 0
 *	send TEXT, recv N	one call; recv gives the text, or "eof"
 *	recvall N		all of them, unless there is an end before
 *	put N, check N		N bytes of the pattern: sent; received and compared, "same"
 *	exchange N		both at once
 *	echo			send back what comes, to the end; how much
 *	shutdown, close, reset, urgent C, ending (which end comes: "eof" or an error)
 *	bind FAMILY		a port of a datagram socket
 *	recvfrom		the text of a datagram
 *	reply TEXT		a datagram to who sent the last
 *	sendto ADDR PORT TEXT
 *	other ADDR PORT TEXT	the same from another socket
 *	unbind			the datagram socket is closed
 *	sleep MS
 */
#ifndef MEMNET_CONFORMANCE_PEER_H
#define MEMNET_CONFORMANCE_PEER_H

/* Serve at @path until killed. An exit status. */
int peer_serve(const char *path);

/*
 * Carry what is said to the peer between a UNIX socket and TCP, until killed: "FROM=TO", where the
 * one is a path and the other an address and a port. An exit status.
 */
int bridge_serve(const char *from_to);

#endif
