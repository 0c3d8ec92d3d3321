package io.lamina.linux;

/**
 * A lock on a whole open file that others who ask for it respect ({@code flock(2)}). It belongs to the open file: every
 * duplicate of the descriptor, also one in another process, holds it, and the last one to be closed gives it up.
 */
public final class AdvisoryLock {
    // asm-generic/fcntl.h
    private static final int LOCK_EX = 2;
    private static final int LOCK_NB = 4;

    private AdvisoryLock() {}

    /** Takes the lock for this open file alone, without waiting; false when another open file has it. */
    public static boolean tryExclusive(OwnedFd fd) throws SystemCallException {
        try {
            long _ = SystemCall.FLOCK.call(fd.toString(), fd.number(), LOCK_EX | LOCK_NB);
            return true;
        } catch (SystemCallException failure) {
            if (failure.errno() == Errno.EAGAIN) {
                return false;
            }
            throw failure;
        }
    }
}
