/* Integer types of the freestanding kernels. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
typedef long i64;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)
