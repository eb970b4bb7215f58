/*
 * Crash laboratory: no power cut and no kill takes from a zoned image what
 * the guest was told is there
 *
 * Random cases run on a zoned image whose medium has a volatile cache.  From
 * the log of the medium all images are made that a power cut could have left,
 * and each is opened, held against a model of what the guest was told, checked
 * and used.
 *
 * The driver blklogwrites is no such medium: it logs a request when that has
 * ended, so that its log lacks what was in flight at the cut, and does not say
 * for which writes a flush has waited.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "block/block.h"
#include "lab.h"
#include "sabotage.h"

static uint64_t option_seed = 1;
static uint64_t option_images = 100000;
static char *option_sabotage;
static char **option_cases;

static GOptionEntry options[] = {
    { "seed", 's', 0, G_OPTION_ARG_INT64, &option_seed,
      "Where random cases begin (0: anywhere)", "N" },
    { "images", 'n', 0, G_OPTION_ARG_INT64, &option_images,
      "How many crash images of random cases to look at", "N" },
    { "sabotage", 0, 0, G_OPTION_ARG_STRING, &option_sabotage,
      "Break the image format on purpose; this has to be found", "NAME" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &option_cases,
      NULL, "[CASE...]" },
    { NULL }
};

static unsigned nr_tests, nr_failed;

/* Of the random case that is running */
static uint64_t running_seed;

/* An assertion of the block layer has failed, say */
static void died(int signal)
{
    fprintf(stderr, "# died in --seed %" PRIu64 "\n", running_seed);
    _exit(1);
}

static void print_comment(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    unsigned i;

    for (i = 0; lines[i]; i++) {
        printf("# %s\n", lines[i]);
    }
}

static void print_result(bool ok, const char *name)
{
    printf("%sok %u %s\n", ok ? "" : "not ", ++nr_tests, name);
    nr_failed += !ok;
    fflush(stdout);
}

/* In long runs */
#define PRINT_EVERY 100000

static void print_stats(const LabStats *stats, int64_t start)
{
    printf("# %" PRIu64 " crash images of %" PRIu64 " cases; %" PRIu64
           " requests, of which %" PRIu64 " were refused; %.1f s\n",
           stats->images, stats->cases, stats->requests, stats->refused,
           (g_get_monotonic_time() - start) / 1e6);
    fflush(stdout);
}

/* Shrink @c, which has gone wrong, and print what is left of it */
static void print_violation(const Case *c, const LabEffort *found_by,
                            const char *first_violation)
{
    LabEffort all = *found_by;
    LabStats stats = { .images = 0 };
    Case *small = lab_shrink(c, found_by, first_violation);
    g_autofree char *text = case_print(small);
    g_autofree char *violation = NULL;

    all.all = true;
    violation = lab_run(small, &all, &stats);
    print_comment(violation ?: first_violation);
    print_comment("The case, which this program takes in a file:");
    print_comment("");
    print_comment(text);
    case_free(small);
}

static void run_random(void)
{
    int64_t start = g_get_monotonic_time();
    LabStats stats = { .images = 0 };
    char *violation = NULL;
    uint64_t seed = option_seed, next_print = PRINT_EVERY;
    Case *c;

    if (!seed) {
        seed = (uint64_t)g_get_real_time();
    }
    printf("# seed %" PRIu64 "\n", seed);
    fflush(stdout);

    while (stats.images < option_images) {
        LabEffort effort = { .random = 4, .seed = seed };

        running_seed = seed;
        c = case_generate(seed);
        violation = lab_run(c, &effort, &stats);
        if (violation) {
            printf("# --seed %" PRIu64 ":\n", seed);
            print_comment(violation);
            print_violation(c, &effort, violation);
        }
        case_free(c);
        if (violation) {
            break;
        }
        seed++;
        if (stats.images >= next_print) {
            print_stats(&stats, start);
            next_print += PRINT_EVERY;
        }
    }
    print_stats(&stats, start);
    print_result(!violation == !option_sabotage, "random cases");
    g_free(violation);
}

static void run_file(const char *filename)
{
    LabEffort effort = { .random = 16, .all = true, .seed = 1 };
    LabStats stats = { .images = 0 };
    int64_t start = g_get_monotonic_time();
    g_autofree char *text = NULL, *name = g_path_get_basename(filename);
    char *violation;
    GError *gerr = NULL;
    Case *c;

    if (!g_file_get_contents(filename, &text, NULL, &gerr)) {
        error_report("%s", gerr->message);
        exit(1);
    }
    c = case_parse(text, &error_fatal);
    violation = lab_run(c, &effort, &stats);
    if (violation) {
        print_comment(violation);
    }
    print_stats(&stats, start);
    print_result(!violation == !option_sabotage, name);
    g_free(violation);
    case_free(c);
}

static void parse_options(int *argc, char ***argv)
{
    GOptionContext *context = g_option_context_new(NULL);
    GError *err = NULL;

    g_option_context_add_main_entries(context, options, NULL);
    g_option_context_set_summary(context,
        "Cut the power of zoned images in random cases, or in those of the "
        "files CASE");
    if (!g_option_context_parse(context, argc, argv, &err)) {
        error_report("%s", err->message);
        exit(2);
    }
    g_option_context_free(context);
    if (option_sabotage && !sabotage_begin(option_sabotage)) {
        error_report("There is no sabotage '%s'", option_sabotage);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = { .sa_handler = died };
    char **file;

    module_call_init(MODULE_INIT_TRACE);
    qemu_init_exec_dir(argv[0]);
    parse_options(&argc, &argv);
    sigaction(SIGABRT, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    bdrv_init();
    qemu_init_main_loop(&error_abort);

    if (option_cases) {
        for (file = option_cases; *file; file++) {
            run_file(*file);
        }
    } else {
        run_random();
    }
    printf("1..%u\n", nr_tests);
    return nr_failed != 0;
}
