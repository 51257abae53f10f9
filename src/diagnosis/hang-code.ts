/** Stable code of the finding that says where the guest waits in vain. */
export const HANG_CODE = 'HANG-01';
