package io.lamina.host.store;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteErrorCode;

/**
 * SQLite in one file: write-ahead log, one writer at a time, readers that never wait for it. A change that was
 * acknowledged is on the disk ({@code synchronous=FULL}). Any thread may call.
 */
final class Database implements AutoCloseable {
    private static final int BUSY_TIMEOUT_MS = 10_000;
    private static final int MAX_IDLE_READERS = 8;

    /** The log goes into the file after so many changes, by a thread that nobody waits for. */
    private static final int CHANGES_PER_CHECKPOINT = 100;

    /** Where that thread does not get there, a change does it by itself at so many pages. */
    private static final int MAX_LOG_PAGES = 16_384;

    private final Path file;
    private final String address;
    private final ReentrantLock writing = new ReentrantLock();
    private final Connection writer; // guarded by writing
    private final AtomicBoolean checkpointing = new AtomicBoolean();
    private int changes; // since the last checkpoint; guarded by writing
    private final ArrayDeque<Connection> idleReaders = new ArrayDeque<>(); // guarded by itself

    private Database(Path file, String address, Connection writer) {
        this.file = file;
        this.address = address;
        this.writer = writer;
    }

    /** A database that is a file and nothing beside it, for one who has it alone. */
    static Connection connectAlone(Path file) throws SQLException {
        SQLiteConfig config = new SQLiteConfig();
        config.setJournalMode(SQLiteConfig.JournalMode.DELETE);
        config.enforceForeignKeys(true);
        Connection connection = config.createConnection("jdbc:sqlite:" + file);
        try (Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA wal_autocheckpoint = " + MAX_LOG_PAGES);
        }
        return connection;
    }

    /** Opens a copy that nobody writes any more; it is only read, without locks. */
    static Database openPublished(Path file) throws IOException {
        String address = "jdbc:sqlite:" + file.toUri() + "?mode=ro&immutable=1";
        try {
            Connection connection = DriverManager.getConnection(address);
            try {
                Schema.check(connection, file);
                return new Database(file, address, connection);
            } catch (SQLException | IOException failure) {
                connection.close();
                throw failure;
            }
        } catch (SQLException failure) {
            throw told(file, failure);
        }
    }

    /** Writes a copy of all that is there now, without the log. */
    void copyTo(Path target) throws IOException {
        writing.lock();
        try {
            int _ = Rows.change(writer, "VACUUM INTO ?", target.toString());
        } catch (SQLException failure) {
            throw told(file, failure);
        } finally {
            writing.unlock();
        }
    }

    /** What is done within one transaction. */
    @FunctionalInterface
    interface Work<T extends @Nullable Object> {
        T run(Connection connection) throws SQLException, IOException;
    }

    /** Opens the database in {@code file}, making or migrating it where needed. */
    static Database open(Path file) throws IOException {
        try {
            Connection writer = connect(file);
            try {
                Schema.migrate(writer, file);
                return new Database(file, "jdbc:sqlite:" + file, writer);
            } catch (SQLException | IOException failure) {
                writer.close();
                throw failure;
            }
        } catch (SQLException failure) {
            throw told(file, failure);
        }
    }

    private static Connection connect(Path file) throws SQLException {
        SQLiteConfig config = new SQLiteConfig();
        config.setJournalMode(SQLiteConfig.JournalMode.WAL);
        config.setSynchronous(SQLiteConfig.SynchronousMode.FULL);
        config.enforceForeignKeys(true);
        config.setBusyTimeout(BUSY_TIMEOUT_MS);
        return config.createConnection("jdbc:sqlite:" + file);
    }

    /** Reads, all of it as of one moment. */
    <T extends @Nullable Object> T read(Work<T> work) throws IOException {
        try {
            Connection reader = reader();
            try {
                T result = within(reader, "BEGIN", work);
                giveBack(reader);
                return result;
            } catch (SQLException | IOException | RuntimeException failure) {
                reader.close();
                throw failure;
            }
        } catch (SQLException failure) {
            throw told(file, failure);
        }
    }

    /** Changes; all of it, or nothing after an exception. */
    <T extends @Nullable Object> T write(Work<T> work) throws IOException {
        writing.lock();
        try {
            T result = within(writer, "BEGIN IMMEDIATE", work);
            if (++changes >= CHANGES_PER_CHECKPOINT && checkpointing.compareAndSet(false, true)) {
                changes = 0;
                Thread _ = Thread.ofPlatform().daemon().name("checkpoint").start(this::checkpoint);
            }
            return result;
        } catch (SQLException failure) {
            throw told(file, failure);
        } finally {
            writing.unlock();
        }
    }

    /** Copies the log into the file; readers and writers go on meanwhile. */
    private void checkpoint() {
        try (Connection connection = connect(file);
                Rows rows = Rows.of(connection, "PRAGMA wal_checkpoint(PASSIVE)")) {
            boolean _ = rows.next();
        } catch (SQLException later) {
            // The next one, or a change, does it.
        } finally {
            checkpointing.set(false);
        }
    }

    private static <T extends @Nullable Object> T within(Connection connection, String begin, Work<T> work)
            throws SQLException, IOException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(begin);
            boolean done = false;
            try {
                T result = work.run(connection);
                statement.execute("COMMIT");
                done = true;
                return result;
            } finally {
                if (!done) {
                    rollBack(statement);
                }
            }
        }
    }

    /** SQLite has rolled back by itself after some errors, such as a full disk. */
    private static void rollBack(Statement statement) {
        try {
            statement.execute("ROLLBACK");
        } catch (SQLException alreadyDone) {
            // The failure that led here is on its way to the caller.
        }
    }

    private Connection reader() throws SQLException {
        synchronized (idleReaders) {
            Connection idle = idleReaders.poll();
            if (idle != null) {
                return idle;
            }
        }
        return address.endsWith("immutable=1") ? DriverManager.getConnection(address) : connect(file);
    }

    private void giveBack(Connection reader) throws SQLException {
        synchronized (idleReaders) {
            if (idleReaders.size() < MAX_IDLE_READERS) {
                idleReaders.push(reader);
                return;
            }
        }
        reader.close();
    }

    /** What SQLite thinks of its file: {@code ok}, or what is wrong. */
    String check() throws IOException {
        return read(connection -> {
            try (Rows rows = Rows.of(connection, "PRAGMA integrity_check")) {
                return rows.next() ? rows.text(1) : "no answer";
            }
        });
    }

    private static IOException told(Path file, SQLException failure) {
        String remedy = (failure.getErrorCode() & 0xff) == SQLiteErrorCode.SQLITE_FULL.code
                ? "; free some space and try again, nothing was changed"
                : "";
        return new IOException(file + ": " + failure.getMessage() + remedy, failure);
    }

    @Override
    public void close() throws IOException {
        writing.lock();
        try {
            synchronized (idleReaders) {
                for (Connection reader : idleReaders) {
                    reader.close();
                }
                idleReaders.clear();
            }
            writer.close();
        } catch (SQLException failure) {
            throw told(file, failure);
        } finally {
            writing.unlock();
        }
    }
}
