/* Gives every file of a directory to a fuzz target, without a fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Names the file first, so that an abort tells which one it was. */
static int replay(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    return -1;
  }
  static uint8_t data[1 << 20];
  size_t size = fread(data, 1, sizeof data, file);
  int failed = ferror(file) != 0 || size == sizeof data;
  fclose(file);
  if (failed) {
    fprintf(stderr, "%s: cannot be read, or is too large\n", path);
    return -1;
  }
  /* A copy of the exact size, so that a sanitizer sees a read beyond it. */
  uint8_t *exact = malloc(size + (size == 0));
  if (exact == NULL) {
    return -1;
  }
  memcpy(exact, data, size);
  LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  return 0;
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: %s DIRECTORY\n", arguments[0]);
    return 2;
  }
  DIR *directory = opendir(arguments[1]);
  if (directory == NULL) {
    perror(arguments[1]);
    return 1;
  }
  unsigned replayed = 0;
  int failures = 0;
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') {
      continue;
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", arguments[1], entry->d_name);
    failures += replay(path) != 0;
    replayed++;
  }
  closedir(directory);
  printf("fuzz corpus: %u inputs replayed\n", replayed);
  return failures == 0 && replayed > 0 ? 0 : 1;
}
