/*
 * Fuzzing: run a fuzzer's inputs once more, without libFuzzer
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "fuzzer.h"

static void run_file(const char *path)
{
    g_autofree char *data = NULL;
    g_autofree char *copy = NULL;
    GError *err = NULL;
    gsize len;

    if (!g_file_get_contents(path, &data, &len, &err)) {
        g_error("%s", err->message);
    }
    /* No longer than it is, so that a read behind its end is found */
    copy = g_memdup2(data, len);
    LLVMFuzzerTestOneInput((const uint8_t *)copy, len);
}

int main(int argc, char **argv)
{
    int i;

    LLVMFuzzerInitialize(&argc, &argv);
    printf("1..%d\n", argc - 1);
    for (i = 1; i < argc; i++) {
        g_autofree char *name = g_path_get_basename(argv[i]);

        /* Of a crash, the last line says where */
        printf("# %s\n", name);
        fflush(stdout);
        run_file(argv[i]);
        printf("ok %d - %s\n", i, name);
    }
    return 0;
}
