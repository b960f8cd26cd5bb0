// A slow disk, for the bench `commits`: loaded before other libraries, it makes each sync of a file take 5 ms longer.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static int after_a_while(const char *name, int file) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    usleep(5000);
    return sync(file);
}

int fsync(int file) { return after_a_while("fsync", file); }

int fdatasync(int file) { return after_a_while("fdatasync", file); }
