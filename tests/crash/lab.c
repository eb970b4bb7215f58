/*
 * Crash laboratory: run a case
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "lab-state.h"

/* A new version of a zone, which a request is to bring about */
typedef struct Change {
    uint32_t zone;
    unsigned version;
} Change;

/* A request of the guest */
typedef struct Request {
    Lab *lab;
    StepKind kind;
    uint64_t offset;
    uint64_t bytes;
    uint64_t expected;
    uint8_t *data;
    uint64_t submitted;
    GArray *changes;
    ConvWrite *conv;
    Coroutine *co;
} Request;

void G_GNUC_PRINTF(2, 3) violate(Lab *lab, const char *fmt, ...)
{
    va_list ap;

    if (!lab->violation) {
        va_start(ap, fmt);
        lab->violation = g_strdup_vprintf(fmt, ap);
        va_end(ap);
    }
}

/*
 * Requests
 */

/* The new version is like the one before but for what the caller changes */
static ZoneVersion *add_change(Request *r, uint32_t zone)
{
    Model *m = r->lab->model;
    ZoneVersion v = *model_last(m, zone);
    Change c = { .zone = zone, .version = m->zones[zone].versions->len };

    v.submitted = r->submitted;
    v.told = NEVER;
    v.stamp = 0;
    model_add(m, zone, &v);
    g_array_append_val(r->changes, c);
    return model_last(m, zone);
}

static void add_reset(Request *r, uint32_t zone)
{
    ZoneVersion *v = add_change(r, zone);

    v->first = r->lab->model->zones[zone].versions->len - 1;
    v->wp = 0;
    v->finished = false;
}

static void manage_zones(Request *r, int count)
{
    const ZoneGeometry *g = &r->lab->c->geometry;
    uint32_t i;

    if (r->kind == STEP_WRITE || r->kind == STEP_ZEROES ||
        r->kind == STEP_APPEND || r->kind == STEP_FLUSH) {
        return;
    }
    for (i = zone_geometry_index(g, r->offset);
         i <= zone_geometry_index(g, r->offset + r->bytes - 1); i++) {
        r->lab->managed[i] += count;
    }
}

/* The request has succeeded, and the guest is told so */
static void request_told(Request *r)
{
    Lab *lab = r->lab;
    uint64_t now = lab->clock++;
    unsigned i;

    for (i = 0; i < r->changes->len; i++) {
        Change *c = &g_array_index(r->changes, Change, i);

        model_version(lab->model, c->zone, c->version)->told = now;
    }
    if (r->conv) {
        r->conv->told = now;
    }
    if (r->kind == STEP_FLUSH) {
        model_flushed(lab->model, r->submitted, now);
    }
    if (r->kind == STEP_APPEND && r->offset != r->expected) {
        violate(lab, "append went to %" PRIu64 ", not %" PRIu64, r->offset,
                r->expected);
    }
}

static void request_failed(Request *r, int ret)
{
    Lab *lab = r->lab;
    unsigned i;

    if (!blk_zone_error_is(ret)) {
        violate(lab, "%s fails: %s", step_name(r->kind), strerror(-ret));
        return;
    }
    lab->stats->refused++;
    for (i = 0; i < r->changes->len; i++) {
        Change *c = &g_array_index(r->changes, Change, i);

        if (c->version != lab->model->zones[c->zone].versions->len - 1) {
            violate(lab, "%s to zone %" PRIu32 " was refused after others had "
                    "been admitted", step_name(r->kind), c->zone);
            return;
        }
        model_drop(lab->model, c->zone);
    }
}

static int coroutine_fn request_do(Request *r)
{
    BlockBackend *blk = r->lab->blk;
    QEMUIOVector qiov;

    switch (r->kind) {
    case STEP_WRITE:
        return blk_co_pwrite(blk, r->offset, r->bytes, r->data, 0);
    case STEP_ZEROES:
        return blk_co_pwrite_zeroes(blk, r->offset, r->bytes, 0);
    case STEP_APPEND:
        qemu_iovec_init_buf(&qiov, r->data, r->bytes);
        return blk_co_zone_append(blk, (int64_t *)&r->offset, &qiov, 0);
    case STEP_OPEN:
        return blk_co_zone_mgmt(blk, BLK_ZO_OPEN, r->offset, r->bytes);
    case STEP_CLOSE:
        return blk_co_zone_mgmt(blk, BLK_ZO_CLOSE, r->offset, r->bytes);
    case STEP_FINISH:
        return blk_co_zone_mgmt(blk, BLK_ZO_FINISH, r->offset, r->bytes);
    case STEP_RESET:
    case STEP_RESET_ALL:
        return blk_co_zone_mgmt(blk, BLK_ZO_RESET, r->offset, r->bytes);
    case STEP_FLUSH:
        return blk_co_flush(blk);
    default:
        g_assert_not_reached();
    }
}

static void coroutine_fn request_run(void *opaque)
{
    Request *r = opaque;
    Lab *lab = r->lab;
    int ret = request_do(r);

    /* A QEMU that was killed has answered nothing */
    if (!lab->killed) {
        if (ret >= 0) {
            request_told(r);
        } else {
            request_failed(r, ret);
        }
    }
    manage_zones(r, -1);
    g_ptr_array_remove(lab->requests, r);
    g_array_free(r->changes, true);
    g_free(r->data);
    g_free(r);
}

static Request *request_new(Lab *lab, StepKind kind, uint64_t offset,
                            uint64_t bytes)
{
    Request *r = g_new0(Request, 1);

    r->lab = lab;
    r->kind = kind;
    r->offset = offset;
    r->bytes = bytes;
    r->submitted = lab->clock++;
    r->changes = g_array_new(false, false, sizeof(Change));
    return r;
}

static void request_submit(Request *r)
{
    manage_zones(r, 1);
    r->lab->stats->requests++;
    g_ptr_array_add(r->lab->requests, r);
    r->co = qemu_coroutine_create(request_run, r);
    qemu_coroutine_enter(r->co);
}

/*
 * Steps.  One that makes no sense where the case has come to does nothing:
 * cases are random, and shrunk ones have lost what came before.
 */

static void set_data(Request *r, uint64_t offset, uint32_t stamp)
{
    r->data = g_malloc(r->bytes);
    model_fill(r->data, offset, r->bytes, stamp);
}

/* Requests in flight that overlap have no order */
static bool conv_is_busy(Lab *lab, uint64_t offset, uint64_t bytes)
{
    unsigned i;

    for (i = 0; i < lab->requests->len; i++) {
        Request *r = g_ptr_array_index(lab->requests, i);

        if (r->conv && r->offset < offset + bytes &&
            offset < r->offset + r->bytes) {
            return true;
        }
    }
    return false;
}

static void step_write_conv(Lab *lab, const Step *s, uint32_t stamp)
{
    const ZoneGeometry *g = &lab->c->geometry;
    uint64_t length = zone_geometry_length(g, s->arg[0]);
    uint64_t from = (uint64_t)s->arg[2] * g->write_granularity;
    uint64_t offset = zone_geometry_start(g, s->arg[0]) + from;
    uint64_t bytes;
    Request *r;

    if (from >= length) {
        return;
    }
    bytes = MIN((uint64_t)s->arg[1] * g->write_granularity, length - from);
    if (conv_is_busy(lab, offset, bytes)) {
        return;
    }
    r = request_new(lab, s->kind, offset, bytes);
    set_data(r, offset, stamp);
    r->conv = model_add_conv(lab->model, &(ConvWrite) {
        .offset = offset,
        .bytes = bytes,
        .stamp = stamp,
        .submitted = r->submitted,
        .told = NEVER,
    });
    request_submit(r);
}

static void step_write(Lab *lab, const Step *s, uint32_t stamp)
{
    const ZoneGeometry *g = &lab->c->geometry;
    uint32_t zone = s->arg[0];
    uint64_t start = zone_geometry_start(g, zone);
    uint64_t left;
    ZoneVersion *v;
    Request *r;

    if (zone_geometry_is_conventional(g, zone)) {
        if (s->kind != STEP_APPEND) {
            step_write_conv(lab, s, stamp);
        }
        return;
    }
    v = model_last(lab->model, zone);
    left = zone_geometry_capacity(g, zone) - v->wp;
    if (v->finished || !left || lab->managed[zone] ||
        lab->model->zones[zone].fixed != BLK_ZS_EMPTY) {
        return;
    }
    r = request_new(lab, s->kind, s->kind == STEP_APPEND ? start
                                                         : start + v->wp,
                    MIN((uint64_t)s->arg[1] * g->write_granularity, left));
    r->expected = start + v->wp;
    set_data(r, r->expected, stamp);
    v = add_change(r, zone);
    v->wp += r->bytes;
    v->stamp = stamp;
    request_submit(r);
}

static void step_manage(Lab *lab, const Step *s)
{
    const ZoneGeometry *g = &lab->c->geometry;
    uint32_t zone = s->arg[0];
    Request *r;

    if (lab->managed[zone]) {
        return;
    }
    r = request_new(lab, s->kind, zone_geometry_start(g, zone),
                    zone_geometry_length(g, zone));
    if (!zone_geometry_is_conventional(g, zone) &&
        lab->model->zones[zone].fixed == BLK_ZS_EMPTY) {
        if (s->kind == STEP_RESET) {
            add_reset(r, zone);
        } else if (s->kind == STEP_FINISH) {
            add_change(r, zone)->finished = true;
        }
    }
    request_submit(r);
}

static void step_reset_all(Lab *lab)
{
    const ZoneGeometry *g = &lab->c->geometry;
    Request *r;
    uint32_t i;

    for (i = 0; i < lab->model->nr_zones; i++) {
        if (lab->managed[i]) {
            return;
        }
    }
    r = request_new(lab, STEP_RESET_ALL, 0, g->size);
    for (i = g->conventional_zones; i < lab->model->nr_zones; i++) {
        if (lab->model->zones[i].fixed == BLK_ZS_EMPTY &&
            model_last(lab->model, i)->submitted) {
            add_reset(r, i);
        }
    }
    request_submit(r);
}

static void step_complete(Lab *lab, unsigned n)
{
    if (lab->medium->pending->len) {
        medium_complete(lab->medium, n % lab->medium->pending->len);
    }
}

static void step_drain(Lab *lab)
{
    while (lab->requests->len && !lab->violation) {
        if (!lab->medium->pending->len &&
            !aio_poll(qemu_get_aio_context(), false)) {
            violate(lab, "a request hangs");
        }
        step_complete(lab, 0);
    }
}

static void open_disk(Lab *lab)
{
    Error *err = NULL;

    lab->medium->hold = false;
    lab->blk = disk_open(lab->medium, "disk", &err);
    if (!lab->blk) {
        violate(lab, "image cannot be opened: %s", error_get_pretty(err));
        error_free(err);
    }
}

/* Open the image after a crash, and go on from what is found there */
static void recover(Lab *lab, bool durable, bool torn)
{
    g_autofree unsigned *versions = g_new0(unsigned, lab->model->nr_zones);
    uint32_t i;
    char *error;

    open_disk(lab);
    if (lab->violation) {
        return;
    }
    error = disk_inspect(lab->blk, lab->model, lab->clock, torn,
                         versions);
    if (error) {
        violate(lab, "%s", error);
        g_free(error);
        return;
    }
    for (i = lab->c->geometry.conventional_zones; i < lab->model->nr_zones;
         i++) {
        model_adopt(lab->model, i, versions[i], durable);
    }
    if (durable) {
        disk_adopt_conv(lab->blk, lab->model);
    }
    lab->explored = lab->clock;
    lab->medium->hold = true;
}

/* A close is a flush, and more */
static void step_reopen(Lab *lab)
{
    uint64_t submitted;

    step_drain(lab);
    if (lab->violation) {
        return;
    }
    submitted = lab->clock++;
    lab->medium->hold = false;
    blk_unref(lab->blk);
    lab->blk = NULL;
    model_flushed(lab->model, submitted, lab->clock++);
    explore(lab);
    if (!lab->violation) {
        recover(lab, false, false);
    }
}

static uint64_t choose(void *opaque, uint64_t n)
{
    return random_below(opaque, n);
}

static void kill_program(Lab *lab, uint64_t seed)
{
    Random r = { .state = mix64(seed) };
    int saved;

    lab->killed = true;
    medium_kill(lab->medium, choose, &r);
    while (lab->requests->len) {
        aio_poll(qemu_get_aio_context(), true);
    }
    saved = disk_quiet();
    blk_unref(lab->blk);
    disk_loud(saved);
    lab->blk = NULL;
    lab->killed = false;
    medium_revive(lab->medium);
}

static void step_kill(Lab *lab, unsigned seed)
{
    explore(lab);
    if (!lab->violation) {
        kill_program(lab, seed);
        recover(lab, false, false);
    }
}

static void step_cut(Lab *lab, unsigned seed)
{
    Random r = { .state = mix64(seed) };
    g_autofree MediumPart *parts = g_new0(MediumPart, lab->medium->log->len);
    uint64_t moment = lab->clock;
    bool torn;
    unsigned i;

    explore(lab);
    if (lab->violation) {
        return;
    }
    for (i = 0; i < lab->medium->log->len; i++) {
        const MediumWrite *w = g_ptr_array_index(lab->medium->log, i);

        if (random_below(&r, 2)) {
            parts[i] = whole_part(w);
        } else if (random_below(&r, 2)) {
            parts[i] = random_part(lab, w, &r);
        }
    }
    torn = torn_root(lab, moment, parts);
    medium_image(lab->medium, moment, parts, lab->medium->base);
    kill_program(lab, seed);
    medium_restart(lab->medium);
    recover(lab, true, torn);
}

static void run_step(Lab *lab, const Step *s, uint32_t stamp)
{
    bool has_zone = s->kind <= STEP_RESET;

    if (has_zone && s->arg[0] >= lab->model->nr_zones) {
        return;
    }
    switch (s->kind) {
    case STEP_WRITE:
    case STEP_APPEND:
        step_write(lab, s, stamp);
        break;
    case STEP_ZEROES:
        step_write(lab, s, 0);
        break;
    case STEP_RESET_ALL:
        step_reset_all(lab);
        break;
    case STEP_FLUSH:
        request_submit(request_new(lab, STEP_FLUSH, 0, 0));
        break;
    case STEP_COMPLETE:
        step_complete(lab, s->arg[0]);
        break;
    case STEP_DRAIN:
        step_drain(lab);
        break;
    case STEP_REOPEN:
        step_reopen(lab);
        break;
    case STEP_KILL:
        step_kill(lab, s->arg[0]);
        break;
    case STEP_CUT:
        step_cut(lab, s->arg[0]);
        break;
    default:
        step_manage(lab, s);
        break;
    }
    if (lab->medium->overlap) {
        violate(lab, "two writes in flight overlap on the medium");
    }
}

/*
 * Cases
 */

static void lab_begin(Lab *lab, const Case *c, const LabEffort *effort,
                      LabStats *stats)
{
    *lab = (Lab) {
        .c = c,
        .effort = effort,
        .stats = stats,
        .clock = 1,
        .model = model_new(&c->geometry),
        .requests = g_ptr_array_new(),
        .random.state = mix64(effort->seed),
    };
    lab->managed = g_new0(unsigned, lab->model->nr_zones);
    if (c->readonly) {
        lab->model->zones[c->readonly].fixed = BLK_ZS_RDONLY;
    }
    if (c->offline) {
        lab->model->zones[c->offline].fixed = BLK_ZS_OFFLINE;
    }
    lab->medium = disk_create(c, &lab->header, &lab->clock);
    lab->crashed = medium_new(lab->medium->data_offset, lab->medium->length,
                              &lab->crashed_clock);
    lab->crashed_clock = 1;
    open_disk(lab);
    lab->medium->hold = true;
}

static void lab_end(Lab *lab)
{
    if (lab->blk) {
        kill_program(lab, 0);
    }
    medium_free(lab->crashed);
    medium_free(lab->medium);
    model_free(lab->model);
    g_ptr_array_free(lab->requests, true);
    g_free(lab->managed);
}

char *lab_run(const Case *c, const LabEffort *effort, LabStats *stats)
{
    Lab lab;
    unsigned i;

    lab_begin(&lab, c, effort, stats);
    for (i = 0; i < c->steps->len && !lab.violation; i++) {
        run_step(&lab, case_step(c, i), i + 1);
        if (lab.violation && !strchr(lab.violation, '\n')) {
            char *with_step = g_strdup_printf("at step %u: %s", i + 1,
                                              lab.violation);
            g_free(lab.violation);
            lab.violation = with_step;
        }
    }
    if (!lab.violation) {
        explore(&lab);
    }
    stats->cases++;
    lab_end(&lab);
    return lab.violation;
}
