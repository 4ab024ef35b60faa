/* Preloaded into a process (LD_PRELOAD), puts its clocks ahead by what the file named in P1METER_CLOCK says: two numbers
 * of nanoseconds, for the time of day and for all clocks that only run. Whoever has the file open may change them at any
 * time. What waits until a moment of such a clock is told the moment on the real one. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t SECOND = 1000000000;
static const int64_t none[2] = {0, 0};
static const volatile int64_t *ahead = none;

__attribute__((constructor)) static void map_file(void)
{
    const char *name = getenv("P1METER_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        ahead = mapped;
}

static int64_t ahead_of(clockid_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return ahead[0];
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
        return ahead[1];
    default: /* the time that a process has used */
        return 0;
    }
}

static struct timespec moved(const struct timespec *time, int64_t by)
{
    int64_t nanoseconds = time->tv_nsec + by % SECOND;
    struct timespec sum = {time->tv_sec + by / SECOND, 0};
    if (nanoseconds < 0) {
        sum.tv_sec -= 1;
        nanoseconds += SECOND;
    }
    sum.tv_sec += nanoseconds / SECOND;
    sum.tv_nsec = nanoseconds % SECOND;
    return sum;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int clock_gettime(clockid_t clock, struct timespec *time)
{
    REAL(clock_gettime);
    int failed = real(clock, time);
    if (!failed)
        *time = moved(time, ahead_of(clock));
    return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result)
        *result = now.tv_sec;
    return now.tv_sec;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
    REAL(clock_nanosleep);
    if (!(flags & TIMER_ABSTIME))
        return real(clock, flags, until, left);
    struct timespec moment = moved(until, -ahead_of(clock));
    return real(clock, flags, &moment, left);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict until)
{
    REAL(sem_clockwait);
    struct timespec moment = moved(until, -ahead_of(clock));
    return real(semaphore, clock, &moment);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    REAL(sem_timedwait);
    struct timespec moment = moved(until, -ahead[0]);
    return real(semaphore, &moment);
}

/* By which clock is a matter of the condition; Python's, on which all its threads depend, is the one that only runs. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    /* Without a version the linker gives the one of 1997. */
    static __typeof__(&pthread_cond_timedwait) real;
    if (!real)
        real = (__typeof__(real))dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real)
        real = (__typeof__(real))dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec moment = moved(until, -ahead[1]);
    return real(condition, mutex, &moment);
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock,
                           const struct timespec *restrict until)
{
    REAL(pthread_cond_clockwait);
    struct timespec moment = moved(until, -ahead_of(clock));
    return real(condition, mutex, clock, &moment);
}
