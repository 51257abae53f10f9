/*
 * The first 4 KiB of a bootable disk, stick or disc: what a BIOS enters at 0x7c00, and what that reads behind itself.
 * It asks the BIOS for everything (INT 10h, 12h, 13h, 15h, 16h, 1Ah), says on COM1 what it was told, and powers off.
 * On a disc (El Torito, no emulation) these 4 KiB are the boot image, loaded whole, with a boot information table.
 *
 * Behind them stands the data, from byte 4096 on: eight bytes "DMASDATA", its size in sectors of 512 bytes (32 bits, a
 * multiple of 4), and what is wanted of the program (16 bits: 1 wait for a key, 2 write the last sector). The rest is
 * whatever it likes; the program reads all of it and prints the sum of its 32-bit words.
 */
        .set    COM1, 0x3f8
        .set    STACK, 0x7c00
        .set    IMAGE, 0x7c00
        .set    STAGE2_SECTORS, 7
        .set    DATA_AT, 4096           /* bytes from the image's beginning */
        .set    BUFFER_SEGMENT, 0x1000  /* 64 KiB for reads */
        .set    CHUNK, 64               /* sectors of 512 bytes in one read: 32 KiB */
        .set    WANT_KEY, 1
        .set    WANT_WRITE, 2
        .set    LPC, 0x00f8             /* bus 0, device 31, function 0 */
        .set    SLEEP_S5, 0x2000        /* SLP_EN, SLP_TYP 0 */

        .section .text, "ax"
        .code16
        .global image
image:  jmp     start
        .org    8
/* The boot information table, which whoever makes the disc fills in (mkisofs' -boot-info-table). */
table:  .long   0                       /* sector of the primary volume descriptor */
begins: .long   0                       /* sector of this image */
        .org    64

start:  ljmp    $0, $1f
1:      cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $STACK, %sp
        sti
        cld
        mov     %dl, drive
        mov     $t_hello, %si
        call    print
        mov     drive, %al
        call    hex8
        call    newline

/* How the drive describes itself (AH=48h); without the extensions nothing below works. */
        mov     $0x41, %ah
        mov     $0x55aa, %bx
        mov     drive, %dl
        int     $0x13
        jc      bad
        movw    $26, parameters
        mov     $parameters, %si
        mov     $0x48, %ah
        mov     drive, %dl
        int     $0x13
        jc      bad
        cmpw    $2048, parameters + 24
        je      stage2                  /* a disc: loaded whole */

        movl    $1, packet_lba
        movw    $STAGE2_SECTORS, packet_count
        movw    $(IMAGE + 512), packet_offset
        movw    $0, packet_segment
        call    read
        jmp     stage2

bad:    push    %ax
        mov     $t_bad, %si
        call    print
        pop     %ax
        mov     %ah, %al
        call    hex8
        call    newline
1:      hlt
        jmp     1b

/* Reads or writes what the packet says: (packet_count) sectors from (packet_lba). */
read:   mov     $0x4200, %ax
transfer:
        mov     drive, %dl
        mov     $packet, %si
        int     $0x13
        jc      bad
        ret

put:    push    %dx
        push    %ax
        mov     $(COM1 + 5), %dx
1:      in      %dx, %al
        test    $0x20, %al
        jz      1b
        pop     %ax
        mov     $COM1, %dx
        out     %al, %dx
        pop     %dx
        ret

print:  lodsb
        test    %al, %al
        jz      1f
        call    put
        jmp     print
1:      ret

newline:
        mov     $10, %al
        jmp     put

hex32:  push    %eax
        shr     $16, %eax
        call    hex16
        pop     %eax
hex16:  push    %ax
        mov     %ah, %al
        call    hex8
        pop     %ax
hex8:   push    %ax
        shr     $4, %al
        call    1f
        pop     %ax
        and     $15, %al
1:      cmp     $10, %al
        jb      2f
        add     $('a' - '0' - 10), %al
2:      add     $'0', %al
        jmp     put

t_hello:
        .asciz  "boot: drive "
t_bad:  .asciz  "boot: the BIOS says "

drive:  .byte   0
        .balign 4
packet: .byte   16, 0
packet_count:
        .word   0
packet_offset:
        .word   0
packet_segment:
        .word   0
packet_lba:
        .quad   0

        .org    510
        .word   0xaa55

/* Behind the first sector. */
stage2: call    banner
        call    memory
        call    geometry
        call    whole
        call    by_geometry
        testw   $WANT_WRITE, wanted
        jz      1f
        call    write_back
1:      testw   $WANT_KEY, wanted
        jz      1f
        call    key
1:      mov     $t_end, %si
        call    print
        jmp     power_off

/* On the screen, for whoever looks (INT 10h, teletype). */
banner: mov     $t_banner, %si
1:      lodsb
        test    %al, %al
        jz      2f
        mov     $0x0e, %ah
        mov     $7, %bx
        int     $0x10
        jmp     1b
2:      ret

/* INT 12h, and the map of INT 15h, AX=E820h. */
memory: mov     $t_conventional, %si
        call    print
        int     $0x12
        call    hex16
        call    newline
        xor     %ebx, %ebx
1:      mov     $0xe820, %eax
        mov     $0x534d4150, %edx
        mov     $24, %ecx
        mov     $scratch, %di
        int     $0x15
        jc      2f
        cmp     $0x534d4150, %eax
        jne     2f
        mov     $t_map, %si
        call    print
        mov     scratch + 4, %eax
        call    hex32
        mov     scratch, %eax
        call    hex32
        mov     $'+', %al
        call    put
        mov     scratch + 12, %eax
        call    hex32
        mov     scratch + 8, %eax
        call    hex32
        mov     $' ', %al
        call    put
        mov     scratch + 16, %al
        call    hex8
        call    newline
        test    %ebx, %ebx
        jnz     1b
2:      ret

geometry:
        mov     $t_sectors, %si
        call    print
        mov     parameters + 16, %eax
        call    hex32
        mov     $t_of, %si
        call    print
        mov     parameters + 24, %ax
        call    hex16
        call    newline
        ret

/* All data, 32 KiB at a time, and the sum of its words. */
whole:  movw    $BUFFER_SEGMENT, packet_segment
        movw    $0, packet_offset
        mov     $DATA_AT, %eax
        xor     %edx, %edx
        movzwl  parameters + 24, %ecx
        mov     %ecx, sector_bytes
        div     %ecx
        cmp     $2048, %ecx
        jne     1f
        add     begins, %eax
1:      mov     %eax, next
        movl    $0, sum
        movl    $1, left                /* until the first sector tells */
        movb    $0, known
        mov     %eax, data_begins

2:      mov     left, %ebx              /* in sectors of 512 bytes */
        cmp     $CHUNK, %ebx
        jbe     3f
        mov     $CHUNK, %ebx
3:      cmpb    $0, known
        jne     4f
        mov     $4, %ebx                /* one sector of a disc */
4:      mov     %ebx, now
        mov     %ebx, %eax
        shl     $9, %eax
        xor     %edx, %edx
        divl    sector_bytes
        mov     %ax, packet_count
        mov     next, %ecx
        mov     %ecx, packet_lba
        add     %eax, next
        call    read
        cmpb    $0, known
        jne     5f
        call    learn
5:      mov     now, %ebx
        call    add_up
        mov     now, %ebx
        sub     %ebx, left
        jnz     2b

        mov     $t_data, %si
        call    print
        mov     size, %eax
        call    hex32
        mov     $t_sum, %si
        call    print
        mov     sum, %eax
        call    hex32
        call    newline
        ret

/* What stands in front of the data. */
learn:  push    %es
        mov     $BUFFER_SEGMENT, %ax
        mov     %ax, %es
        cmpl    $0x53414d44, %es:0
        jne     no_data
        cmpl    $0x41544144, %es:4
        jne     no_data
        mov     %es:8, %eax
        mov     %eax, left
        mov     %eax, size
        mov     %es:12, %ax
        mov     %ax, wanted
        movb    $1, known
        pop     %es
        ret
no_data:
        pop     %es
        mov     $t_no_data, %si
        call    print
        jmp     power_off

/* Adds EBX sectors of 512 bytes from the buffer. */
add_up: push    %ds
        shl     $7, %ebx
        mov     %bx, %cx
        mov     sum, %edx
        mov     $BUFFER_SEGMENT, %ax
        mov     %ax, %ds
        xor     %si, %si
1:      lodsl
        add     %eax, %edx
        dec     %cx
        jnz     1b
        pop     %ds
        mov     %edx, sum
        ret

/* A disk's first sector by cylinder, head and sector (AH=02h), and what the BIOS takes for its geometry (AH=08h). */
by_geometry:
        cmpl    $512, sector_bytes
        jne     1f
        mov     $0x08, %ah
        mov     drive, %dl
        xor     %di, %di
        int     $0x13
        jc      bad
        push    %ds
        pop     %es
        push    %dx
        push    %cx
        mov     $t_geometry, %si
        call    print
        pop     %ax
        call    hex16
        mov     $' ', %al
        call    put
        pop     %ax
        call    hex16
        call    newline
        mov     $0x0201, %ax
        mov     $1, %cx                 /* cylinder 0, sector 1 */
        mov     drive, %dl
        xor     %dh, %dh
        mov     $scratch, %bx
        int     $0x13
        jc      bad
        mov     $scratch, %si
        mov     $IMAGE, %di
        mov     $32, %cx                /* the code; variables behind it have changed */
        repe    cmpsw
        mov     $t_same, %si
        je      2f
        mov     $t_different, %si
2:      call    print
1:      ret

/* The last sector of the data: turned over, written, read again (AH=43h, 42h). */
write_back:
        mov     size, %eax
        dec     %eax
        add     data_begins, %eax
        mov     %eax, packet_lba
        movw    $1, packet_count
        call    read
        push    %ds
        mov     $BUFFER_SEGMENT, %ax
        mov     %ax, %ds
        xor     %si, %si
        mov     $128, %cx
1:      notl    (%si)
        add     $4, %si
        dec     %cx
        jnz     1b
        pop     %ds
        mov     $0x4300, %ax
        call    transfer
        call    read
        movl    $0, sum
        mov     $1, %ebx
        call    add_up
        mov     $t_written, %si
        call    print
        mov     sum, %eax
        call    hex32
        call    newline
        ret

/* Waits for a key (INT 16h). */
key:    mov     $t_key, %si
        call    print
        xor     %ah, %ah
        int     $0x16
        call    hex16
        call    newline
        ret

/* ACPI's S5: PM1a_CNT is four ports behind what the LPC bridge's register 40h says (INT 1Ah, AX=B10Ah). */
power_off:
        mov     $0xb10a, %ax
        mov     $LPC, %bx
        mov     $0x40, %di
        int     $0x1a
        and     $0xff80, %cx
        mov     %cx, %dx
        add     $4, %dx
        mov     $SLEEP_S5, %ax
        out     %ax, %dx
1:      hlt
        jmp     1b

t_banner:
        .asciz  "dmascope boot disk\r\n"
t_conventional:
        .asciz  "boot: conventional KiB "
t_map:  .asciz  "boot: map "
t_sectors:
        .asciz  "boot: sectors "
t_of:   .asciz  " of "
t_data: .asciz  "boot: data sectors "
t_sum:  .asciz  " sum "
t_no_data:
        .asciz  "boot: no data behind the boot code\n"
t_geometry:
        .asciz  "boot: geometry "
t_same: .asciz  "boot: cylinder 0, head 0, sector 1 is the boot sector\n"
t_different:
        .asciz  "boot: cylinder 0, head 0, sector 1 is NOT the boot sector\n"
t_written:
        .asciz  "boot: written, sum "
t_key:  .asciz  "boot: press a key\nboot: key "
t_end:  .asciz  "boot: power off\n"

        .balign 4
sector_bytes:
        .long   0
next:   .long   0
left:   .long   0
now:    .long   0
sum:    .long   0
size:   .long   0
data_begins:
        .long   0
wanted: .word   0
known:  .byte   0
        .org    DATA_AT
/* Behind what is loaded: a sector, and what AH=48h tells, which reading the rest of the program must not overwrite. */
        .set    scratch, image + DATA_AT
        .set    parameters, image + DATA_AT + 512
