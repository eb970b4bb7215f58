/*
 * Crash laboratory: random numbers that a seed repeats, on every machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_RANDOM_H
#define TESTS_CRASH_RANDOM_H

typedef struct Random {
    uint64_t state;
} Random;

/* splitmix64: good enough to stir, and it has no bad seeds */
static inline uint64_t mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static inline uint64_t random_next(Random *r)
{
    r->state += 0x9e3779b97f4a7c15ULL;
    return mix64(r->state);
}

/* From 0 to @n - 1 */
static inline uint64_t random_below(Random *r, uint64_t n)
{
    return random_next(r) % n;
}

#endif /* TESTS_CRASH_RANDOM_H */
