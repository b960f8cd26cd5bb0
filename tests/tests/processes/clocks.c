/* Sets the wall clock of a process off by CLOCK_OFF seconds. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    const char *off = getenv("CLOCK_OFF");
    if (result == 0 && clock == CLOCK_REALTIME && off != NULL) {
        time->tv_sec += atol(off);
    }
    return result;
}
