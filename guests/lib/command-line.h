/* Words of the Multiboot command line. */
#pragma once
#include "types.h"

/* The text behind `word` and its separator (space or '='), or NULL if the word is not there. */
const char *find_word(const char *line, const char *word);
/* Reads a decimal number; `fallback` if there is none. */
u64 parse_number(const char *text, u64 fallback);
