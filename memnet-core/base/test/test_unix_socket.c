/* SPDX-License-Identifier: BSD-2-Clause */
/* What a listening socket may take the place of, and what its end removes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/unix_socket.h"

static char dir[] = "/tmp/test_unix_socket.XXXXXX", path[64];

static int listen_here(struct mn_socket_file *file)
{
	return mn_listen_unix(path, SOCK_STREAM, 0640, 1, file);
}

static bool is_there(void)
{
	return !access(path, F_OK);
}

static void a_socket_listens_and_its_file_goes_with_it(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	struct mn_socket_file file;
	mode_t mask = umask(077);
	int fd = listen_here(&file);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(umask(mask), 077);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0640);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
	strcpy(at.sun_path, path);
	assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	close(client);
	close(fd);
	mn_socket_file_remove(&file);
	assert_false(is_there());
	mn_socket_file_remove(&file);
}

static void a_dead_socket_is_replaced_a_living_one_is_not(void **state)
{
	struct mn_socket_file dead, file, none;
	int fd;

	close(listen_here(&dead));
	fd = listen_here(&file);
	assert_true(fd >= 0);
	for (int i = 0; i < 4; i++) {	/* more than fit into its queue */
		assert_int_equal(listen_here(&none), -EADDRINUSE);
		assert_string_equal(none.path, "");
	}
	close(fd);
	mn_socket_file_remove(&file);
	assert_false(is_there());
}

static void what_has_taken_its_place_stays(void **state)
{
	struct mn_socket_file first, second;
	int fd = listen_here(&first);

	assert_int_equal(rename(path, "moved"), 0);
	close(listen_here(&second));
	mn_socket_file_remove(&first);
	assert_true(is_there());
	mn_socket_file_remove(&second);
	assert_false(is_there());
	unlink("moved");
	close(fd);
}

static void nothing_else_is_replaced(void **state)
{
	struct mn_socket_file file;

	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(listen_here(&file), -EEXIST);
	assert_true(is_there());
	unlink(path);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_true(listen_here(&file) < 0);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(listen_here(&file) < 0);
	assert_int_equal(rmdir(path), 0);
}

static void a_name_must_fit(void **state)
{
	struct mn_socket_file file;
	char name[sizeof(file.path) + 1];

	memset(name, 'x', sizeof(name));
	name[sizeof(file.path)] = '\0';
	assert_int_equal(mn_listen_unix(name, SOCK_STREAM, 0600, 1, &file), -ENAMETOOLONG);
	assert_int_equal(mn_listen_unix("no/where", SOCK_STREAM, 0600, 1, &file), -ENOENT);
}

static int begin(void **state)
{
	snprintf(path, sizeof(path), "%s/socket", mkdtemp(dir) ? dir : "");
	return chdir(dir);
}

static int end(void **state)
{
	return chdir("/") || rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_listens_and_its_file_goes_with_it),
		cmocka_unit_test(a_dead_socket_is_replaced_a_living_one_is_not),
		cmocka_unit_test(what_has_taken_its_place_stays),
		cmocka_unit_test(nothing_else_is_replaced),
		cmocka_unit_test(a_name_must_fit),
	};

	return cmocka_run_group_tests_name("UNIX sockets", tests, begin, end);
}
