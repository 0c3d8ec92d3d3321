package io.lamina.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Gives the test methods of a class a parameter of type {@link VirtualMachine}, in which this image's container is.
 *
 * <p>A machine is booted when a test first asks for it, and kept for the tests and classes that follow with the same
 * settings. What they get is a new container in it: {@link Scope} and {@link #fresh} say how new.
 */
@Documented
@Inherited
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(VmExtension.class)
public @interface VmImage {
    /** For whom a container is. */
    enum Scope {
        /** Each test has a container of its own, without anything that another test has written or started. */
        TEST,
        /** The tests of a class share one, and find what those before them have left. */
        CLASS
    }

    /** The image, as {@code lamina run} takes it: a name that was pulled, {@code oci:DIR[:TAG]}, {@code docker-archive:FILE}. */
    String value();

    /** For whom a container is. */
    Scope scope() default Scope.TEST;

    /**
     * Whether the machine itself is new, too: booted for this test or class, and ended with it. Otherwise the container is
     * renewed in a machine that others have used: its processes are killed and its writable layer is a new one, but the
     * kernel with its settings and clocks goes on.
     */
    boolean fresh() default false;

    /** Memory of the machine. */
    String memory() default "512M";

    /** Virtual processors. */
    int cpus() default 1;

    /** Further arguments for {@code lamina vm serve}, such as {@code --scratch=1G}. */
    String[] options() default {};

    /** As long may a boot take; the first one on a host also builds what the machine boots, and converts the image. */
    int bootTimeoutSeconds() default 600;
}
