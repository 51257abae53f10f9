/* xHCI 1.2 section 5: the register banks. Little-endian, each register as wide as the specification says. */
#pragma once
#include "types.h"

/* 5.3 */
struct capability_registers {
    u32 caplength_hciversion;
    u32 hcsparams1, hcsparams2, hcsparams3;
    u32 hccparams1;
    u32 dboff, rtsoff;
    u32 hccparams2;
};

/* 5.4.8 to 5.4.11 */
struct port_registers {
    u32 portsc, portpmsc, portli, porthlpmc;
};

/* 5.4 */
struct operational_registers {
    u32 usbcmd, usbsts, pagesize;
    u32 reserved_0c[2];
    u32 dnctrl;
    u64 crcr;
    u32 reserved_20[4];
    u64 dcbaap;
    u32 config;
    u32 reserved_3c[(0x400 - 0x3c) / 4];
    struct port_registers ports[255];
};

/* 5.5.2 */
struct interrupter_registers {
    u32 iman, imod;
    u32 erstsz, reserved_0c;
    u64 erstba;
    u64 erdp;
};

/* 5.5 */
struct runtime_registers {
    u32 mfindex;
    u32 reserved_04[7];
    struct interrupter_registers interrupters[1024];
};

_Static_assert(__builtin_offsetof(struct operational_registers, crcr) == 0x18, "5.4.5");
_Static_assert(__builtin_offsetof(struct operational_registers, dcbaap) == 0x30, "5.4.6");
_Static_assert(__builtin_offsetof(struct operational_registers, ports) == 0x400, "5.4.8");
_Static_assert(__builtin_offsetof(struct runtime_registers, interrupters) == 0x20, "5.5.2");

#define USBCMD_RUN 0x0001u
#define USBCMD_HCRST 0x0002u
#define USBSTS_HCH 0x0001u
#define USBSTS_HSE 0x0004u
#define USBSTS_CNR 0x0800u
#define USBSTS_HCE 0x1000u
#define CRCR_RCS 0x1ul
#define IMAN_IE 0x2u
#define ERDP_EHB 0x8ul
#define PAGESIZE_4K 0x1u
#define CONFIG_MAX_SLOTS 0xffu

#define PORTSC_CCS 0x00000001u
#define PORTSC_PED 0x00000002u
#define PORTSC_PR 0x00000010u
#define PORTSC_PP 0x00000200u
#define PORTSC_CSC 0x00020000u
#define PORTSC_PRC 0x00200000u
#define PORTSC_CHANGES 0x00fe0000u
/* PP, port indicators, wake bits: what a write has to give back. PED and the change bits are cleared by writing 1. */
#define PORTSC_KEPT 0x0e00c200u
#define PORTSC_SPEED(portsc) ((portsc) >> 10 & 0xf)

#define HCCPARAMS1_CSZ 0x4u
#define EXTENDED_CAPABILITY_LEGACY 1
#define EXTENDED_CAPABILITY_PROTOCOL 2
