package io.lamina.vhostuser.block;

/**
 * That a device is checked while it is read.
 *
 * @param tree what proves its blocks
 * @param always each time that a block is read; else only the first time
 */
public record VerifyOnRead(HashTree tree, boolean always) {}
