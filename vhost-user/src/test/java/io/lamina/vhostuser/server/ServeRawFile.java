package io.lamina.vhostuser.server;

import io.lamina.linux.DataFile;
import io.lamina.linux.FdStatus;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Serves a file by a data plane in this process until it is killed; by hand, {@code FILE SOCKET [QUEUES]}. */
public final class ServeRawFile {
    private ServeRawFile() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Path socket = Path.of(arguments[1]);
        int queues = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 1;
        Files.deleteIfExists(socket);
        DataPlaneClient client = DataPlaneClient.inProcess(1, new DataPlaneClient.Listener() {
            @Override
            public void connected(int deviceId, UnixSocket.PeerCredentials peer) {
                System.out.println("device " + deviceId + " serves " + peer);
            }

            @Override
            public void ended(int deviceId, String why) {
                System.out.println("device " + deviceId + ": " + why);
            }

            @Override
            public void lost() {
                System.out.println("lost");
            }
        });
        try (OwnedFd file = DataFile.openForReading(Path.of(arguments[0]));
                OwnedFd listening = UnixSocket.listen(socket, 16)) {
            int id = client.addFile(file);
            long size = FdStatus.of(file).sizeBytes() & -512L;
            DeviceSpec spec =
                    new DeviceSpec(size, 512, "lamina-raw", queues, true, List.of(new DeviceSpec.Run(0, size, id, 0)));
            client.serve(spec, listening, ServedDevice.ANY_UID);
            System.out.println("listening at " + socket);
            Thread.sleep(Long.MAX_VALUE);
        }
    }
}
