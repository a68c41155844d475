// SPDX-FileCopyrightText: 2026 vla_ros contributors
// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into the nodes: a system clock that a test sets, by the nanoseconds that stand in the
// file $VLA_ROS_CLOCK. Nobody else's clock is touched.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t GIGA = 1000000000;
static const int64_t LONG_AGO = 1000000000;  // s; a later time can't be one since the last boot
static volatile int64_t *offset;

__attribute__((constructor)) static void open_offset(void) {
  const char *path = getenv("VLA_ROS_CLOCK");
  int file = path ? open(path, O_RDONLY) : -1;
  void *memory = file < 0 ? MAP_FAILED : mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
  offset = memory == MAP_FAILED ? 0 : memory;
}

static struct timespec shift(struct timespec time, int64_t by) {
  int64_t sum = time.tv_sec * GIGA + time.tv_nsec + by;
  return (struct timespec){.tv_sec = sum / GIGA, .tv_nsec = sum % GIGA};
}

int clock_gettime(clockid_t id, struct timespec *time) {
  static int (*original)(clockid_t, struct timespec *);
  if (!original) *(void **)&original = dlsym(RTLD_NEXT, "clock_gettime");
  int code = original(id, time);
  if (offset && !code && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    *time = shift(*time, *offset);
  return code;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}

// The kernel waits by its own clock.
static struct timespec unshifted(const struct timespec *until) {
  return offset && until->tv_sec > LONG_AGO ? shift(*until, -*offset) : *until;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  static int (*original)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  if (!original) *(void **)&original = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  struct timespec moment = unshifted(until);
  return original(condition, mutex, &moment);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  static int (*original)(sem_t *, const struct timespec *);
  if (!original) *(void **)&original = dlsym(RTLD_NEXT, "sem_timedwait");
  struct timespec moment = unshifted(until);
  return original(semaphore, &moment);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex,
                            const struct timespec *restrict until) {
  static int (*original)(pthread_mutex_t *, const struct timespec *);
  if (!original) *(void **)&original = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
  struct timespec moment = unshifted(until);
  return original(mutex, &moment);
}
