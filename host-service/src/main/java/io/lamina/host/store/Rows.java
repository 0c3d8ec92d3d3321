package io.lamina.host.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** One statement's answer, row by row, columns counted from 1. */
final class Rows implements AutoCloseable {
    private final PreparedStatement statement;
    private final ResultSet result;

    private Rows(PreparedStatement statement, ResultSet result) {
        this.statement = statement;
        this.result = result;
    }

    /** Asks; {@code arguments} are strings, numbers, bytes or null. */
    static Rows of(Connection connection, String sql, @Nullable Object... arguments) throws SQLException {
        PreparedStatement statement = prepare(connection, sql, arguments);
        try {
            return new Rows(statement, statement.executeQuery());
        } catch (SQLException failure) {
            statement.close();
            throw failure;
        }
    }

    /** Changes rows and says how many. */
    static int change(Connection connection, String sql, @Nullable Object... arguments) throws SQLException {
        try (PreparedStatement statement = prepare(connection, sql, arguments)) {
            return statement.executeUpdate();
        }
    }

    /** Inserts a row and gives the key that it got, with {@code RETURNING}. */
    static long insert(Connection connection, String sql, @Nullable Object... arguments) throws SQLException {
        try (Rows rows = of(connection, sql, arguments)) {
            if (!rows.next()) {
                throw new SQLException("nothing was inserted by: " + sql);
            }
            return rows.number(1);
        }
    }

    private static PreparedStatement prepare(Connection connection, String sql, @Nullable Object... arguments)
            throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        try {
            for (int i = 0; i < arguments.length; i++) {
                statement.setObject(i + 1, arguments[i]);
            }
            return statement;
        } catch (SQLException failure) {
            statement.close();
            throw failure;
        }
    }

    boolean next() throws SQLException {
        return result.next();
    }

    String text(int column) throws SQLException {
        return result.getString(column);
    }

    byte[] bytes(int column) throws SQLException {
        return result.getBytes(column);
    }

    /** A text, or "" where there is none. */
    String textOrEmpty(int column) throws SQLException {
        String text = result.getString(column);
        return text == null ? "" : text;
    }

    long number(int column) throws SQLException {
        return result.getLong(column);
    }

    @Nullable
    Long numberOrNull(int column) throws SQLException {
        long value = result.getLong(column);
        return result.wasNull() ? null : value;
    }

    @Override
    public void close() throws SQLException {
        try (statement) {
            result.close();
        }
    }
}
