#include "command-line.h"

static bool ends_word(char character) { return character == '\0' || character == ' ' || character == '='; }

const char *find_word(const char *line, const char *word)
{
    while (*line) {
        u32 length = 0;
        while (word[length] && line[length] == word[length])
            length++;
        if (!word[length] && ends_word(line[length]))
            return line[length] ? line + length + 1 : line + length;
        while (*line && *line != ' ')
            line++;
        while (*line == ' ')
            line++;
    }
    return NULL;
}

u64 parse_number(const char *text, u64 fallback)
{
    if (!text || *text < '0' || *text > '9')
        return fallback;
    u64 value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (u64)(*text - '0');
    return value;
}
