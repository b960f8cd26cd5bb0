/* While the file READ_ONLY exists, the folder READ_ONLY_FOLDER is on a file system that has become read-only, as Linux
   makes it when the disk fails: what is open stays open, and is written no more. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int is_read_only(void) {
    const char *flag = getenv("READ_ONLY");
    return flag != NULL && syscall(SYS_faccessat, AT_FDCWD, flag, F_OK) == 0;
}

static int is_inside(const char *path) {
    const char *folder = getenv("READ_ONLY_FOLDER");
    return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int refuses(int file) {
    char link[64], path[PATH_MAX];
    int saved = errno;
    int refused = 0;
    if (is_read_only()) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length < 0 ? 0 : length] = 0;
        refused = is_inside(path);
    }
    errno = refused ? EROFS : saved;
    return refused;
}

ssize_t write(int file, const void *bytes, size_t count) {
    return refuses(file) ? -1 : syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    return refuses(file) ? -1 : syscall(SYS_pwrite64, file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    return pwrite64(file, bytes, count, offset);
}

int ftruncate64(int file, off64_t length) {
    return refuses(file) ? -1 : syscall(SYS_ftruncate, file, length);
}

int ftruncate(int file, off_t length) {
    return ftruncate64(file, length);
}

static int opens(const char *path, int flags, mode_t mode) {
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;
    if (writes && is_inside(path) && is_read_only()) {
        errno = EROFS;
        return -1;
    }
    return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return opens(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return opens(path, flags, mode);
}
