/* The interrupt descriptor table: every processor exception is printed and ends the run. */
#pragma once

void exceptions_init(void);
