package io.lamina.host.cli;

import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.shim.Attaching;
import io.lamina.host.shim.VhostUserVolume;
import io.lamina.images.CorruptImageException;
import io.lamina.shim.attachment.Attachment;
import io.lamina.shim.attachment.Texts;
import io.lamina.shim.kata.DirectVolume;
import io.lamina.shim.kata.VhostUserStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code lamina attach}. */
@Command(
        name = "attach",
        description = {
            "Makes what another program needs to use an image, and prints it in that program's words.",
            "",
            "It takes a lease, which ends with 'lamina detach ID', or when the owner's process has ended. Files of an image are "
                    + "shared by its attachments; on a file system with reflinks (XFS, btrfs) they share their blocks with "
                    + "the store, elsewhere each is a copy of the image's size. 'lamina doctor' tells which routes work here."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina attach oci:layout:latest --for kata-rs --json",
            "  lamina attach oci:layout --for qemu --sandbox vm1 --owner-pid 1234",
            "  lamina attach oci:layout --for kata-go --volume /var/lib/models",
            "  lamina attach --list"
        })
final class AttachCommand implements Callable<Integer> {
    private static final long DEFAULT_LCOW_SCRATCH_BYTES = 20L << 30;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(
            paramLabel = "IMAGE",
            arity = "0..1",
            description = "oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF]")
    private @Nullable String image;

    @Option(
            names = "--for",
            paramLabel = "PROGRAM",
            converter = Program.class,
            description = "kata-rs, kata-go, hcs-lcow, qemu or cloud-hypervisor.")
    private Attaching.@Nullable Consumer consumer;

    @Option(
            names = "--sandbox",
            paramLabel = "ID",
            defaultValue = "sandbox",
            description = "The owner's name for what it does (default ${DEFAULT-VALUE}).")
    private String sandbox = "sandbox";

    @Option(
            names = "--owner-pid",
            paramLabel = "PID",
            description = "The process that the attachment ends with (default: none).")
    private long ownerPid;

    @Option(
            names = "--scratch-size",
            paramLabel = "BYTES",
            description = "A disk to write to, of exactly this size (default: none; 20 GiB for hcs-lcow).")
    private long scratchBytes;

    @Option(names = "--statement", paramLabel = "FILE", description = "A signed statement to name in the attachment.")
    private @Nullable Path statement;

    @Option(
            names = "--volume",
            paramLabel = "PATH",
            description = "With kata-go: a vhost-user volume that containers mount from PATH, instead of a root.")
    private @Nullable Path volume;

    @Option(
            names = "--vhost-user-store",
            paramLabel = "DIR",
            description = "The runtime's vhost_user_store_path (default ${DEFAULT-VALUE}).",
            defaultValue = "/var/run/kata-containers/vhost-user")
    private Path vhostUserStore = VhostUserStore.DEFAULT_ROOT;

    @Option(
            names = "--direct-volumes",
            paramLabel = "DIR",
            hidden = true,
            defaultValue = "/run/kata-containers/shared/direct-volumes")
    private Path directVolumes = DirectVolume.ROOT;

    @Option(
            names = "--memory",
            paramLabel = "MIB",
            defaultValue = "512",
            description =
                    "Guest memory in the argument lines for qemu and cloud-hypervisor (default ${DEFAULT-VALUE}).")
    private int memoryMiB = 512;

    @Option(
            names = "--windows-dir",
            paramLabel = "DIR",
            description = "With hcs-lcow: where the files will be on Windows, such as C:\\lamina.")
    private @Nullable String windowsDirectory;

    @Option(names = "--list", description = "List the attachments there are.")
    private boolean list;

    @Option(names = "--verbose", description = "Tell each step on standard error.")
    private boolean verbose;

    @Mixin
    private Answer.Form form = new Answer.Form();

    /** The words of {@code --for}. */
    static final class Program implements ITypeConverter<Attaching.Consumer> {
        @Override
        public Attaching.Consumer convert(String text) {
            for (Attaching.Consumer consumer : Attaching.Consumer.values()) {
                if (word(consumer).equals(text)) {
                    return consumer;
                }
            }
            throw new TypeConversionException(
                    "'" + text + "' is none of kata-rs, kata-go, hcs-lcow, qemu, cloud-hypervisor");
        }
    }

    private static String word(Attaching.Consumer consumer) {
        return consumer.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Attaching attaching = new Attaching(Installation.current(), new Steps(System.err, verbose));
        if (list) {
            form.print(list(attaching));
            return 0;
        }
        if (image == null || consumer == null) {
            throw wrong("an IMAGE and --for PROGRAM are needed, or --list");
        }
        Attachment attachment = attaching.attach(request(image, consumer));
        form.print(AttachmentAnswer.of(new AttachmentAnswer.Shown(
                attachment, consumer, memoryMiB, attaching.mountPoint(attachment), windowsDirectory)));
        return 0;
    }

    private Attaching.Request request(String reference, Attaching.Consumer program) {
        try {
            Texts.name("--sandbox", sandbox);
        } catch (CorruptImageException refused) {
            throw wrong(String.valueOf(refused.getMessage()));
        }
        if (volume != null && program != Attaching.Consumer.KATA_GO) {
            throw wrong("--volume goes with --for kata-go");
        }
        boolean lcow = program == Attaching.Consumer.HCS_LCOW;
        long scratch = scratchBytes == 0 && lcow ? DEFAULT_LCOW_SCRATCH_BYTES : scratchBytes;
        if (scratch < 0 || scratch % 512 != 0 || ownerPid < 0) {
            throw wrong("--scratch-size is whole sectors of 512 bytes, --owner-pid a process");
        }
        Optional<VhostUserVolume> shown = volume == null
                ? Optional.empty()
                : Optional.of(new VhostUserVolume(
                        new VhostUserStore(vhostUserStore.toAbsolutePath()),
                        directVolumes.toAbsolutePath(),
                        volume.toAbsolutePath().normalize()));
        Optional<Path> handedOn =
                Optional.ofNullable(statement).map(file -> file.toAbsolutePath().normalize());
        return new Attaching.Request(
                reference, program, sandbox, ownerPid, new Attaching.Extras(scratch, handedOn, shown));
    }

    private static Answer list(Attaching attaching) throws IOException {
        List<String> lines = new ArrayList<>();
        List<Object> ids = new ArrayList<>();
        for (Attachment attachment : attaching.directory().all()) {
            ids.add(attachment.id());
            lines.add(attachment.id() + "  " + attachment.image()
                    + (attachment.owner().pid() == 0
                            ? ""
                            : ", of process " + attachment.owner().pid()));
        }
        return new Answer().withHidden("attachments", ids).withLines(lines);
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
