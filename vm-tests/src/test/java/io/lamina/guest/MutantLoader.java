package io.lamina.guest;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.MethodModel;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Loads the agent's classes once more, with some methods doing nothing: a verification that is switched off. A mutation is
 * written {@code Class#method} (returns at once, with {@code false} or a null string where it has to return something) or
 * {@code Class#method=text} (returns that text); several are joined by {@code +}.
 */
final class MutantLoader extends ClassLoader {
    private static final Set<String> OURS = Set.of("io.lamina.guest.", "io.lamina.images.", "io.lamina.agent.");

    /** By class name, by method name: the text to return, or empty. */
    private final Map<String, Map<String, String>> mutations = new HashMap<>();

    private final Set<String> done = new TreeSet<>();

    MutantLoader(String mutation) {
        super(MutantLoader.class.getClassLoader());
        for (String one : mutation.split("\\+", -1)) {
            String[] place = one.split("[#=]", -1);
            mutations
                    .computeIfAbsent("io.lamina." + place[0], _ -> new HashMap<>())
                    .put(place[1], place.length > 2 ? place[2] : "");
        }
    }

    /** The class {@code name} of this loader. */
    Class<?> loadOurs(String name) throws ClassNotFoundException {
        return loadClass(name, true);
    }

    /** Methods that were changed so far: one that was not found must not pass for a check that is of no use. */
    Set<String> done() {
        return done;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        synchronized (getClassLoadingLock(name)) {
            if (OURS.stream().noneMatch(name::startsWith)) {
                return super.loadClass(name, resolve);
            }
            Class<?> loaded = findLoadedClass(name);
            return loaded != null ? loaded : define(name);
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        byte[] bytes;
        try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            bytes = in.readAllBytes();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        Map<String, String> methods = mutations.get(name);
        if (methods != null) {
            ClassFile format = ClassFile.of();
            bytes = format.transformClass(format.parse(bytes), (mutant, element) -> {
                if (element instanceof MethodModel method
                        && methods.containsKey(method.methodName().stringValue())) {
                    String text = methods.get(method.methodName().stringValue());
                    mutant.withMethodBody(
                            method.methodName(),
                            method.methodType(),
                            method.flags().flagsMask(),
                            body -> returnAtOnce(body, method.methodTypeSymbol().returnType(), text));
                    done.add(name + "#" + method.methodName().stringValue());
                } else {
                    mutant.with(element);
                }
            });
        }
        return defineClass(name, bytes, 0, bytes.length);
    }

    private static void returnAtOnce(CodeBuilder body, ClassDesc result, String text) {
        if (result.equals(ConstantDescs.CD_void)) {
            body.return_();
        } else if (result.equals(ConstantDescs.CD_boolean)) {
            body.iconst_0().ireturn();
        } else if (result.equals(ConstantDescs.CD_String)) {
            body.loadConstant(text).areturn();
        } else {
            throw new AssertionError("a mutant cannot return " + result.displayName());
        }
    }
}
