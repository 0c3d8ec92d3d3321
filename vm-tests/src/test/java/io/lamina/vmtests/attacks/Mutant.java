package io.lamina.vmtests.attacks;

/**
 * A verification that is switched off.
 *
 * @param attack the scenario that then succeeds
 * @param mutation which methods do nothing, as the guest's loader takes it
 */
record Mutant(String attack, String mutation) {}
