/*
 * A boot disk of 2 KiB that puts one screen after another on a VGA with the Bochs interface: text and graphics modes of
 * the video BIOS, then linear modes by ports. When a screen stands it says its name on COM1, a line each, and waits for a
 * byte there. After the last one it says "end" and halts. Nothing changes while it waits.
 */
        .set    COM1, 0x3f8
        .set    IMAGE, 0x7c00
        .set    SECTORS, 4
        .set    TEXT, 0xb800
        .set    WINDOW, 0xa000
        .set    DISPI, 0x1ce
        .set    WIDTH, 320
        .set    HEIGHT, 200

        .section .text, "ax"
        .code16
        .global image
image:  ljmp    $0, $1f
1:      cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $IMAGE, %sp
        sti
        cld
        mov     $packet, %si
        mov     $0x42, %ah
        int     $0x13
        jc      stop

        mov     $screens, %si
next:   mov     (%si), %bx
        test    %bx, %bx
        jz      done
        mov     2(%si), %ax
        push    %si
        mov     $1, %bp                 /* where the noise begins */
        call    *%bx
        xor     %ax, %ax
        mov     %ax, %es
        pop     %si
        add     $4, %si
1:      lodsb
        test    %al, %al
        jz      2f
        call    put
        jmp     1b
2:      mov     $10, %al
        call    put
        mov     $(COM1 + 5), %dx
3:      in      %dx, %al
        test    $1, %al
        jz      3b
        mov     $COM1, %dx
        in      %dx, %al
        jmp     next

done:   mov     $t_end, %si
1:      lodsb
        call    put
        cmp     $10, %al
        jne     1b
stop:   cli
        hlt
        jmp     stop

put:    push    %ax
        mov     $(COM1 + 5), %dx
1:      in      %dx, %al
        test    $0x20, %al
        jz      1b
        pop     %ax
        mov     $COM1, %dx
        out     %al, %dx
        ret

t_end:  .ascii  "end\n"

        .balign 4
packet: .byte   16, 0
        .word   SECTORS - 1
        .word   IMAGE + 512
        .word   0
        .quad   1

        .org    510
        .word   0xaa55

/* Noise: CX words at ES:DI, from the state in BP. Every word comes once in 65536 (Knuth, vol. 2, 3.2.1.2, theorem A). */
noise:  imul    $25173, %bp, %ax
        add     $13849, %ax
        mov     %ax, %bp
        rol     $7, %ax                 /* the low bits have short periods */
        stosw
        loop    noise
        ret

/* Mode AL, and all 32 KiB of text memory. The cursor is where the BIOS left it: in the first cell. */
text:   xor     %ah, %ah
        int     $0x10
fill_text:
        mov     $TEXT, %ax
        mov     %ax, %es
        xor     %di, %di
        mov     $0x4000, %cx
        jmp     noise

/* The same without a cursor. */
hidden: call    text
hide:   mov     $0x01, %ah
        mov     $0x2000, %cx
        int     $0x10
        ret

/* Mode 3 with the BIOS's font AL (11h, 12h: 14, 8 lines) for rows of that height. */
rows:   push    %ax
        mov     $3, %ax
        int     $0x10
        pop     %ax
        mov     $0x11, %ah
        xor     %bl, %bl
        int     $0x10
        call    fill_text
        jmp     hide

/* Bit 7 of the attribute: AL 1 blinks, 0 is a bright background. */
blink:  mov     %al, %bl
        mov     $0x1003, %ax
        int     $0x10
        ret

/* A cursor of lines AH to AL, in column 40 of row 12. */
cursor: mov     %ax, %cx
        mov     $0x01, %ah
        int     $0x10
        mov     $0x02, %ah
        xor     %bh, %bh
        mov     $(12 * 256 + 40), %dx
        int     $0x10
        ret

/* Font 1, of eight lines, for the characters whose attribute has bit 3 set. */
fonts:  mov     $0x1102, %ax
        mov     $1, %bl
        int     $0x10
        mov     $0x1103, %ax
        mov     $0x04, %bl
        int     $0x10
        ret

/* Text page AL. */
page:   mov     $0x05, %ah
        int     $0x10
        ret

/* CGA's modes: 16 KiB at b800. */
cga:    xor     %ah, %ah
        int     $0x10
        mov     $TEXT, %ax
        mov     %ax, %es
        xor     %di, %di
        mov     $0x2000, %cx
        jmp     noise

/* Planes, one after the other. */
planar: xor     %ah, %ah
        int     $0x10
        mov     $WINDOW, %ax
        mov     %ax, %es
        mov     $1, %bl
1:      mov     $0x3c4, %dx
        mov     $0x02, %al
        mov     %bl, %ah
        out     %ax, %dx
        xor     %di, %di
        mov     $0x5000, %cx            /* 480 lines of 80 bytes, and some */
        call    noise
        shl     $1, %bl
        test    $0x0f, %bl
        jnz     1b
        ret

packed: xor     %ah, %ah
        int     $0x10
        mov     $WINDOW, %ax
        mov     %ax, %es
        xor     %di, %di
        mov     $0x8000, %cx
        jmp     noise

/* DAC entries 0 to 255: their number, its complement, and its bits moved by three. */
palette:
        mov     $0x3c8, %dx
        xor     %ax, %ax
        out     %al, %dx
        inc     %dx
        mov     $256, %cx
1:      mov     %ah, %al
        out     %al, %dx
        not     %al
        out     %al, %dx
        mov     %ah, %al
        rol     $3, %al
        out     %al, %dx
        inc     %ah
        loop    1b
        ret

/* Register AL of the Bochs interface: BX. */
dispi:  push    %dx
        mov     $DISPI, %dx
        xor     %ah, %ah
        out     %ax, %dx
        inc     %dx
        mov     %bx, %ax
        out     %ax, %dx
        pop     %dx
        ret

/* A linear mode of AL bits a pixel; AH: what is set in its Enable register. */
linear: mov     %ax, %dx
        mov     $0x13, %ax              /* shown, 256 colours: what a mode of the interface leaves of the VGA */
        int     $0x10
        mov     $4, %al
        xor     %bx, %bx
        call    dispi
        mov     $1, %al
        mov     $WIDTH, %bx
        call    dispi
        mov     $2, %al
        mov     $HEIGHT, %bx
        call    dispi
        mov     $3, %al
        mov     %dl, %bl
        xor     %bh, %bh
        call    dispi
        mov     $4, %al
        mov     %dh, %bl
        or      $0x41, %bl
        call    dispi
        push    %dx
        call    palette
        pop     %dx
        mov     $WINDOW, %ax
        mov     %ax, %es
        xor     %bx, %bx
1:      mov     $5, %al                 /* banks of 64 KiB, behind the picture, too */
        call    dispi
        xor     %di, %di
        mov     $0x8000, %cx
        call    noise
        inc     %bx
        cmp     $6, %bx
        jb      1b
        ret

/* AL bits a pixel, in a picture that is wider and higher than the screen. */
panned: call    linear
        mov     $6, %al
        mov     $(WIDTH + 64), %bx
        call    dispi
        mov     $8, %al
        mov     $24, %bx
        call    dispi
        mov     $9, %al
        mov     $9, %bx
        jmp     dispi

        .macro  screen routine, argument, name
        .word   \routine, \argument
        .asciz  "\name"
        .endm
screens:
        screen  text, 3, "80x25 text, the cursor in the first cell"
        screen  hidden, 3, "80x25 text"
        screen  blink, 0, "80x25 text, bright backgrounds"
        screen  cursor, 0x0004, "80x25 text, a cursor of the upper lines"
        screen  cursor, 0x0d0e, "80x25 text, a cursor of the last lines"
        screen  cursor, 0x2000, "80x25 text, the cursor off"
        screen  fonts, 0, "80x25 text in two fonts"
        screen  page, 1, "80x25 text, page 1"
        screen  hidden, 1, "40x25 text"
        screen  rows, 0x11, "80x28 text"
        screen  rows, 0x12, "80x50 text"
        screen  cga, 4, "320x200 in four colours"
        screen  cga, 6, "640x200 in two colours"
        screen  planar, 0x0d, "320x200 in 16 colours"
        screen  planar, 0x10, "640x350 in 16 colours"
        screen  planar, 0x12, "640x480 in 16 colours"
        screen  packed, 0x13, "320x200 in 256 colours"
        screen  linear, 8, "320x200, 8 bits"
        screen  linear, 0x2008, "320x200, 8 bits, a palette of 8 bits"
        screen  linear, 15, "320x200, 15 bits"
        screen  linear, 16, "320x200, 16 bits"
        screen  linear, 24, "320x200, 24 bits"
        screen  linear, 32, "320x200, 32 bits"
        screen  panned, 32, "320x200 of a larger picture, 32 bits"
        screen  panned, 16, "320x200 of a larger picture, 16 bits"
        screen  panned, 8, "320x200 of a larger picture, 8 bits"
        screen  text, 3, "80x25 text again"
        .word   0
        .org    512 * SECTORS
