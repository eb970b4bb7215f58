/*
 * Crash laboratory: the images that a crash can leave at each moment
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "lab-state.h"

/* All subsets of so many missing writes are tried */
#define MAX_SUBSET 5

/* What a write was to, for people */
static char *describe_place(Lab *lab, const MediumWrite *w)
{
    const ZoneGeometry *g = &lab->c->geometry;
    uint64_t copy = w->offset / ZONED_COPY_DISTANCE;

    if (w->offset >= lab->header.data_offset) {
        uint64_t o = w->offset - lab->header.data_offset;

        return g_strdup_printf("zone %" PRIu32 " at %" PRIu64,
                               zone_geometry_index(g, o), o % g->zone_size);
    }
    if (medium_is_root(w->offset)) {
        return g_strdup_printf("copy %" PRIu64 " of the %s", copy,
                               w->offset == zoned_header_offset(copy) ? "header"
                                                                      : "root");
    }
    return g_strdup_printf("copy %" PRIu64 " of table block %" PRIu64, copy,
                           (w->offset - lab->header.table_offset[copy]) /
                           ZONED_BLOCK_SIZE);
}

static void describe_write(Lab *lab, const MediumWrite *w, uint64_t moment,
                           const MediumPart *part, GString *s)
{
    g_autofree char *place = describe_place(lab, w);

    g_string_append_printf(s, "  %s of %s, %" PRIu64 " bytes: ",
                           w->data ? "write" : "discard", place, w->bytes);
    if (!medium_in_doubt(w, moment)) {
        g_string_append(s, "durable\n");
    } else if (part->from == part->to) {
        g_string_append(s, "missing\n");
    } else if (part->to - part->from == w->bytes) {
        g_string_append(s, "there\n");
    } else {
        g_string_append_printf(s, "torn, only bytes %" PRIu64 " to %" PRIu64
                               "\n", part->from, part->to - 1);
    }
}

/* Tell of all writes up to the crash, the last ones at least */
static void violate_by_crash(Lab *lab, uint64_t moment,
                             const MediumPart *parts, char *error)
{
    GString *s = g_string_new(error);
    unsigned i, from = lab->medium->log->len;
    from = from > 40 ? from - 40 : 0;

    g_string_append(s, "\nThe crash left of the last writes:\n");
    for (i = from; i < lab->medium->log->len; i++) {
        const MediumWrite *w = g_ptr_array_index(lab->medium->log, i);

        if (w->submitted < moment) {
            describe_write(lab, w, moment, &parts[i], s);
        }
    }
    violate(lab, "%s", s->str);
    g_string_free(s, true);
    g_free(error);
}

bool torn_root(Lab *lab, uint64_t moment, const MediumPart *parts)
{
    unsigned i;

    for (i = 0; i < lab->medium->log->len; i++) {
        const MediumWrite *w = g_ptr_array_index(lab->medium->log, i);

        if (medium_is_root(w->offset) && medium_in_doubt(w, moment) &&
            (parts[i].from % SECTOR || parts[i].to % SECTOR)) {
            return true;
        }
    }
    return false;
}

/* The image on lab->crashed is held against the model */
static char *check_crashed(Lab *lab, uint64_t moment, bool torn)
{
    g_autofree unsigned *versions = g_new0(unsigned, lab->model->nr_zones);
    Error *err = NULL;
    BlockBackend *blk = disk_open(lab->crashed, "crashed", &err);
    char *error;

    if (!blk) {
        error = g_strdup_printf("image cannot be opened: %s",
                                error_get_pretty(err));
        error_free(err);
        return error;
    }
    error = disk_inspect(blk, lab->model, moment, torn, versions);
    if (error) {
        blk_unref(blk);
        return error;
    }
    return disk_use(blk, lab->crashed, lab->model, lab->stats->images & 1,
                    lab->stats->images & 2);
}

static void try_image(Lab *lab, uint64_t moment, const MediumPart *parts)
{
    char *error;

    if (lab->violation) {
        return;
    }
    medium_image(lab->medium, moment, parts, lab->crashed->base);
    medium_restart(lab->crashed);
    lab->stats->images++;
    error = check_crashed(lab, moment, torn_root(lab, moment, parts));
    if (error) {
        violate_by_crash(lab, moment, parts, error);
    }
}

MediumPart whole_part(const MediumWrite *w)
{
    return (MediumPart) { .from = 0, .to = w->bytes };
}

MediumPart random_part(Lab *lab, const MediumWrite *w, Random *r)
{
    bool meta = w->offset < lab->header.data_offset;
    uint64_t at = random_below(r, w->bytes / SECTOR) * SECTOR;

    if (meta && random_below(r, 2)) {
        at = random_below(r, random_below(r, 2) ? 96 : w->bytes);
    }
    switch (random_below(r, 3)) {
    case 0:
        return (MediumPart) { .from = 0, .to = at };
    case 1:
        return (MediumPart) { .from = at, .to = w->bytes };
    default:
        return (MediumPart) {
            .from = at, .to = at + random_below(r, w->bytes - at + 1)
                                   / SECTOR * SECTOR,
        };
    }
}

/*
 * One moment at which a crash can leave something new.
 *
 * @doubtful: indices of those writes that can be missing, without @last
 * @last: index of the write that has just begun, of which something is there:
 *        without it, nothing is new; -1: there is none
 */
typedef struct Point {
    Lab *lab;
    uint64_t moment;
    GArray *doubtful;
    int last;
    MediumPart *parts;
    GHashTable *tried;
} Point;

static const MediumWrite *point_write(Point *p, int i)
{
    return g_ptr_array_index(p->lab->medium->log, i);
}

static unsigned point_doubtful(Point *p, unsigned n)
{
    return g_array_index(p->doubtful, unsigned, n);
}

/* Unless the same parts were tried before */
static void point_try(Point *p)
{
    uint64_t hash = 0;
    unsigned n;

    for (n = 0; n <= p->doubtful->len; n++) {
        int i = n < p->doubtful->len ? point_doubtful(p, n) : p->last;

        if (i >= 0) {
            MediumPart part = p->parts[i];

            if (part.from == part.to) {
                part = (MediumPart) { 0, 0 };
            }
            hash = mix64(hash ^ part.from << 32 ^ part.to);
        }
    }
    if (g_hash_table_add(p->tried, GSIZE_TO_POINTER(hash))) {
        try_image(p->lab, p->moment, p->parts);
    }
}

/* Of the doubtful writes, those are there whose bit is set in @mask */
static void point_set(Point *p, uint64_t mask)
{
    unsigned n;

    for (n = 0; n < p->doubtful->len; n++) {
        unsigned i = point_doubtful(p, n);

        p->parts[i] = mask >> (n % 64) & 1 ? whole_part(point_write(p, i))
                                           : (MediumPart) { 0, 0 };
    }
    if (p->last >= 0) {
        p->parts[p->last] = whole_part(point_write(p, p->last));
    }
}

static void point_try_random(Point *p, Random *r)
{
    unsigned n;

    point_set(p, random_below(r, 2) ? random_next(r) :
                 random_below(r, 2) ? random_next(r) | random_next(r) :
                                      random_next(r) & random_next(r));
    for (n = 0; n < p->doubtful->len; n++) {
        unsigned i = point_doubtful(p, n);

        if (random_below(r, 8) == 0) {
            p->parts[i] = random_part(p->lab, point_write(p, i), r);
        }
    }
    if (p->last >= 0 && random_below(r, 2)) {
        p->parts[p->last] = random_part(p->lab, point_write(p, p->last), r);
    }
    point_try(p);
}

/* The last write is torn after @at bytes, or only has what is behind that */
static void point_tear(Point *p, uint64_t at)
{
    const MediumWrite *w = point_write(p, p->last);

    p->parts[p->last] = (MediumPart) { 0, at };
    point_try(p);
    p->parts[p->last] = (MediumPart) { at, w->bytes };
    point_try(p);
}

static void point_tear_all(Point *p)
{
    const MediumWrite *w = point_write(p, p->last);
    uint64_t at;

    for (at = SECTOR; at < w->bytes; at += SECTOR) {
        point_tear(p, at);
    }
    if (w->offset < p->lab->header.data_offset) {
        for (at = 4; at < 96; at += 4) {
            point_tear(p, at);
        }
    }
}

static void point_try_all(Point *p)
{
    unsigned n = p->doubtful->len;
    uint64_t mask;

    if (n <= MAX_SUBSET) {
        for (mask = 0; mask < 1ULL << n; mask++) {
            point_set(p, mask);
            point_try(p);
        }
    } else {
        for (mask = 0; mask < n; mask++) {
            point_set(p, ~(1ULL << (mask % 64)));
            point_try(p);
        }
    }
    if (p->last >= 0) {
        point_set(p, 0);
        point_tear_all(p);
        point_set(p, -1);
        point_tear_all(p);
    }
}

static void explore_point(Lab *lab, uint64_t moment, int last)
{
    Point p = {
        .lab = lab,
        .moment = moment,
        .last = last,
        .doubtful = g_array_new(false, false, sizeof(unsigned)),
        .parts = g_new0(MediumPart, lab->medium->log->len),
        .tried = g_hash_table_new(NULL, NULL),
    };
    unsigned i;

    for (i = 0; i < lab->medium->log->len; i++) {
        if (i != last && medium_in_doubt(point_write(&p, i), moment)) {
            g_array_append_val(p.doubtful, i);
        }
    }

    point_set(&p, -1);
    point_try(&p);
    point_set(&p, 0);
    point_try(&p);
    for (i = 0; i < lab->effort->random; i++) {
        point_try_random(&p, &lab->random);
    }
    if (lab->effort->all) {
        point_try_all(&p);
    }

    g_hash_table_destroy(p.tried);
    g_free(p.parts);
    g_array_free(p.doubtful, true);
}

/*
 * Crash at all moments since the last time.  Something new is left after the
 * beginning of each write; and after each flush, something old may no longer
 * be left.
 */
void explore(Lab *lab)
{
    unsigned i;

    for (i = 0; i < lab->medium->log->len && !lab->violation; i++) {
        const MediumWrite *w = g_ptr_array_index(lab->medium->log, i);

        if (w->submitted >= lab->explored) {
            explore_point(lab, w->submitted + 1, i);
        }
    }
    for (i = 0; i < lab->model->flushes->len && !lab->violation; i++) {
        const FlushModel *f = g_ptr_array_index(lab->model->flushes, i);

        if (f->told >= lab->explored) {
            explore_point(lab, f->told + 1, -1);
        }
    }
    lab->explored = lab->clock;
}
