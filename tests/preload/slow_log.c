/* While the file SLOW_LOG exists, each write to SQLite's write-ahead log takes 40 ms: a process that is killed just after
   one commit has not written the next. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static void delay(int file) {
    char link[64], path[PATH_MAX];
    int saved = errno;
    const char *flag = getenv("SLOW_LOG");
    if (flag != NULL && syscall(SYS_faccessat, AT_FDCWD, flag, F_OK) == 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length < 0 ? 0 : length] = 0;
        if (length > 4 && strcmp(path + length - 4, "-wal") == 0) {
            usleep(40000);
        }
    }
    errno = saved;
}

ssize_t write(int file, const void *bytes, size_t count) {
    delay(file);
    return syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    delay(file);
    return syscall(SYS_pwrite64, file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    return pwrite64(file, bytes, count, offset);
}
