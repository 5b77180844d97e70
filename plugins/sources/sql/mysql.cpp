// MySQL and MariaDB by the non-blocking functions of MariaDB's Connector/C: each has a start and a continuation,
// between which the socket is waited for here, no longer than the timeout.
#include <mysql.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <mutex>

#include "database.hpp"

namespace tocsin_plugins::sql {
namespace {

/// Name resolution and TLS run on the stack that the connector makes for a suspended call.
constexpr std::size_t call_stack = 256 * 1024;
constexpr unsigned long largest_packet = 16 * 1024 * 1024;

constexpr const char* mysql_rights = R"(
SELECT CONCAT(privilege_type, place) FROM (
  SELECT privilege_type, ' on everything' AS place, grantee FROM information_schema.user_privileges
  UNION ALL SELECT privilege_type, CONCAT(' on ', table_schema, '.*'), grantee FROM information_schema.schema_privileges
  UNION ALL SELECT privilege_type, CONCAT(' on ', table_schema, '.', table_name), grantee
    FROM information_schema.table_privileges
  UNION ALL SELECT privilege_type, CONCAT(' on columns of ', table_schema, '.', table_name), grantee
    FROM information_schema.column_privileges) AS held
WHERE grantee = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''',
                       SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')
  AND privilege_type NOT IN ('USAGE', 'SELECT', 'SHOW VIEW', 'SHOW DATABASES', 'PROCESS', 'EXECUTE', 'REFERENCES',
                             'BINLOG MONITOR', 'REPLICATION CLIENT', 'SLAVE MONITOR', 'REPLICA MONITOR')
UNION SELECT CONCAT('the role ', role_name, ', whose rights are not looked at')
  FROM information_schema.enabled_roles WHERE role_name IS NOT NULL
LIMIT 200)";

void start_library() {
  static std::once_flag once;
  std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
}

Kind kind_of(const MYSQL_FIELD& field) {
  switch (field.type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
    case MYSQL_TYPE_YEAR:
      return Kind::number;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_DATETIME2:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIMESTAMP2:
      return Kind::time;
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_GEOMETRY:
      return Kind::none;
    default:
      return Kind::text;
  }
}

std::string type_of(const MYSQL_FIELD& field) {
  if (field.type == MYSQL_TYPE_BIT) return "bit";
  if (field.type == MYSQL_TYPE_GEOMETRY) return "geometry";
  return "number " + std::to_string(static_cast<int>(field.type));
}

/// The cursor as the parameter that it is bound as: a number where it is one, since comparing a column of numbers with
/// a text would go by floating point.
class CursorParameter {
 public:
  CursorParameter(const std::string& text, std::size_t places) : text_(text), binds_(places) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number_);
    const bool is_number = !text.empty() && error == std::errc() && end == text.data() + text.size();
    length_ = text.size();
    for (auto& bind : binds_) {
      std::memset(&bind, 0, sizeof bind);
      bind.buffer_type = is_number ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_STRING;
      bind.buffer = is_number ? static_cast<void*>(&number_) : static_cast<void*>(text_.data());
      bind.buffer_length = length_;
      bind.length = &length_;
    }
  }
  MYSQL_BIND* binds() { return binds_.data(); }

 private:
  std::string text_;
  long long number_ = 0;
  unsigned long length_ = 0;
  std::vector<MYSQL_BIND> binds_;
};

/// Buffers for one row, each value as text and cut.
class RowBuffer {
 public:
  explicit RowBuffer(std::size_t columns) : slots_(columns), binds_(columns), bytes_(columns * longest_cell) {
    for (std::size_t i = 0; i < columns; ++i) {
      auto& bind = binds_[i];
      std::memset(&bind, 0, sizeof bind);
      bind.buffer_type = MYSQL_TYPE_STRING;
      bind.buffer = bytes_.data() + i * longest_cell;
      bind.buffer_length = longest_cell;
      bind.length = &slots_[i].length;
      bind.is_null = &slots_[i].null;
      bind.error = &slots_[i].error;
    }
  }
  MYSQL_BIND* binds() { return binds_.data(); }
  void read(std::vector<Cell>& cells) const {
    cells.clear();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const auto& slot = slots_[i];
      const auto size = std::min<std::size_t>(slot.null ? 0 : slot.length, longest_cell);
      cells.push_back({{bytes_.data() + i * longest_cell, size}, slot.null != 0, slot.length});
    }
  }

 private:
  struct Slot {
    unsigned long length = 0;
    my_bool null = 0, error = 0;
  };
  std::vector<Slot> slots_;
  std::vector<MYSQL_BIND> binds_;
  std::vector<char> bytes_;
};

class MysqlConnection : public Connection {
 public:
  MysqlConnection(const Address& address, const Until& until) : shown_(address.url) {
    start_library();
    mysql_ = mysql_init(nullptr);
    if (!mysql_) throw std::bad_alloc();
    try {
      configure(address, until);
      connect(address, until);
    } catch (...) {
      close();
      throw;
    }
  }
  ~MysqlConnection() override { close(); }

  bool usable() override {
    if (broken_) return false;
    pollfd entry{static_cast<int>(mysql_get_socket(mysql_)), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 0;
  }
  void select(const Statement& statement, const Until& until, Rows& rows) override {
    broken_ = true;  // until the end is reached in order
    begin(until);
    if (read(statement, until, rows)) finish(until);
  }
  std::vector<std::string> excess_rights(const Until& until) override {
    struct Names : Rows {
      void columns(std::vector<Column>) override {}
      bool row(std::span<const Cell> cells) override { return all.emplace_back(cells[0].text), true; }
      std::vector<std::string> all;
    } names;
    broken_ = true;
    begin(until);
    if (read({.text = mysql_rights}, until, names)) finish(until);
    return names.all;
  }
  std::string server() const override {
    return std::string(mariadb() ? "MariaDB " : "MySQL ") + mysql_get_server_info(mysql_);
  }
  std::string place() const override { return "?"; }
  std::string quoted(std::string_view identifier) const override {
    std::string out = "`";
    for (const char c : identifier) out.append(c == '`' ? 2 : 1, c);
    return out + '`';
  }

 private:
  bool mariadb() const { return mariadb_connection(mysql_) != 0; }
  [[noreturn]] void fail(unsigned code, const std::string& text) const {
    std::string message = shown_ + ": " + text + " (error " + std::to_string(code) + ")";
    if (code == 1044 || code == 1045 || code == 1698)
      throw tsn::Failure(tsn::denied(message + "; check the user in url, and password"));
    if (code == 1142 || code == 1143) throw tsn::Failure(tsn::denied(message + "; GRANT SELECT to the account"));
    if (code == 1969 || code == 3024) message += "; raise timeout, or make the query faster";
    if (code == 1792) message += "; a loader only reads";
    throw tsn::Failure(tsn::fail(message));
  }
  [[noreturn]] void fail() const { fail(mysql_errno(mysql_), mysql_error(mysql_)); }

  /// Nobody waits for what is still under way: the socket is ended first.
  void close() {
    if (!mysql_) return;
    const auto socket = mysql_get_socket(mysql_);
    if (broken_ && socket != MARIADB_INVALID_SOCKET) ::shutdown(static_cast<int>(socket), SHUT_RDWR);
    mysql_close(mysql_);
    mysql_ = nullptr;
  }

  /// Brings a call that wants `status` to its end. Over time the connector is told so, and the call fails by itself.
  template <class Continue>
  void await(int status, const Until& until, Continue&& go_on) {
    while (status) {
      const short events =
          static_cast<short>((status & MYSQL_WAIT_READ ? POLLIN : 0) | (status & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
                             (status & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));
      const short ready = until.wait(static_cast<int>(mysql_get_socket(mysql_)), events);
      if (!ready) {
        ::shutdown(static_cast<int>(mysql_get_socket(mysql_)), SHUT_RDWR);
        while (status) status = go_on(MYSQL_WAIT_TIMEOUT);
        throw until.ended(shown_);
      }
      int got = 0;
      if (ready & (POLLIN | POLLHUP | POLLERR)) got |= MYSQL_WAIT_READ;
      if (ready & (POLLOUT | POLLERR)) got |= MYSQL_WAIT_WRITE;
      if (ready & POLLPRI) got |= MYSQL_WAIT_EXCEPT;
      status = go_on(got & status ? got & status : status);
    }
  }

  void configure(const Address& address, const Until& until) {
    mysql_optionsv(mysql_, MYSQL_OPT_NONBLOCK, &call_stack);
    const unsigned seconds = static_cast<unsigned>(until.left().count() / 1000 + 1);
    for (const auto option : {MYSQL_OPT_CONNECT_TIMEOUT, MYSQL_OPT_READ_TIMEOUT, MYSQL_OPT_WRITE_TIMEOUT})
      mysql_optionsv(mysql_, option, &seconds);
    const unsigned no_local_files = 0;  // a server could ask for any file of this machine
    mysql_optionsv(mysql_, MYSQL_OPT_LOCAL_INFILE, &no_local_files);
    mysql_optionsv(mysql_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(mysql_, MYSQL_OPT_MAX_ALLOWED_PACKET, &largest_packet);
    mysql_optionsv(mysql_, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "tocsin");
    const my_bool yes = 1, no = 0;
    mysql_optionsv(mysql_, MYSQL_REPORT_DATA_TRUNCATION, &yes);
    const bool verifies = address.sslmode.starts_with("verify");
    if (address.sslmode == "disable") return;
    mysql_ssl_set(mysql_, nullptr, nullptr, verifies ? address.ca_file.c_str() : nullptr, nullptr, nullptr);
    mysql_optionsv(mysql_, MYSQL_OPT_SSL_ENFORCE, address.sslmode == "prefer" ? &no : &yes);
    mysql_optionsv(mysql_, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, verifies ? &yes : &no);
  }
  void connect(const Address& address, const Until& until) {
    MYSQL* done = nullptr;
    const auto text_or_null = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    const int status = mysql_real_connect_start(&done, mysql_, text_or_null(address.host), address.user.c_str(),
                                                address.password.c_str(), text_or_null(address.database), address.port,
                                                text_or_null(address.socket), 0);
    await(status, until, [&](int got) { return mysql_real_connect_cont(&done, mysql_, got); });
    if (!done) fail();
    // A prefer that found no TLS goes on in plain text; a require has failed by now.
    if (address.sslmode != "disable" && address.sslmode != "prefer" && !mysql_get_ssl_cipher(mysql_))
      throw tsn::Failure(tsn::fail(shown_ + ": the server offers no TLS, which sslmode asks for"));
    keep_alive(static_cast<int>(mysql_get_socket(mysql_)));
  }
  static void keep_alive(int socket) {
    const int on = 1, idle = 30, interval = 10, count = 3;
    ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
  }

  void run(const std::string& text, const Until& until) {
    int failed = 0;
    const int status = mysql_real_query_start(&failed, mysql_, text.data(), text.size());
    await(status, until, [&](int got) { return mysql_real_query_cont(&failed, mysql_, got); });
    if (failed) fail();
  }
  void begin(const Until& until) {
    // A little before the client gives up, so that it is told why.
    const auto most = std::max<long long>(1, until.left().count() * 9 / 10);
    const auto fraction = std::to_string(most % 1000);
    run(mariadb() ? "SET SESSION time_zone = '+00:00', max_statement_time = " + std::to_string(most / 1000) + "." +
                        std::string(3 - fraction.size(), '0') + fraction
                  : "SET SESSION time_zone = '+00:00', max_execution_time = " + std::to_string(most),
        until);
    run("START TRANSACTION READ ONLY", until);
  }
  void finish(const Until& until) {
    run("COMMIT", until);
    broken_ = false;
  }

  struct Prepared {
    explicit Prepared(MysqlConnection& of) : owner(of), statement(mysql_stmt_init(of.mysql_)) {
      if (!statement) throw std::bad_alloc();
    }
    ~Prepared() {
      // Closing reads what the server has still to send, unless there is nobody to read from.
      if (!ended) ::shutdown(static_cast<int>(mysql_get_socket(owner.mysql_)), SHUT_RDWR);
      mysql_stmt_close(statement);
    }
    Prepared(const Prepared&) = delete;
    Prepared& operator=(const Prepared&) = delete;
    /// An error that comes among the rows stands at the connection, not at the statement.
    [[noreturn]] void fail() const {
      if (!mysql_stmt_errno(statement)) owner.fail();
      owner.fail(mysql_stmt_errno(statement), mysql_stmt_error(statement));
    }
    MysqlConnection& owner;
    MYSQL_STMT* statement;
    bool ended = false;
  };

  /// False: no more rows were wanted.
  bool read(const Statement& statement, const Until& until, Rows& rows) {
    Prepared prepared(*this);
    auto* const handle = prepared.statement;
    int failed = 0;
    await(mysql_stmt_prepare_start(&failed, handle, statement.text.data(), statement.text.size()), until,
          [&](int got) { return mysql_stmt_prepare_cont(&failed, handle, got); });
    if (failed) prepared.fail();
    const auto columns = columns_of(handle);
    rows.columns(columns);
    CursorParameter cursor(statement.cursor, mysql_stmt_param_count(handle));
    if (mysql_stmt_param_count(handle) != statement.places)
      fail(0, "the query has a ? of its own, or {{cursor}} in a place that takes no value");
    if (statement.places > 0 && mysql_stmt_bind_param(handle, cursor.binds())) prepared.fail();
    await(mysql_stmt_execute_start(&failed, handle), until,
          [&](int got) { return mysql_stmt_execute_cont(&failed, handle, got); });
    if (failed) prepared.fail();
    RowBuffer buffer(columns.size());
    if (mysql_stmt_bind_result(handle, buffer.binds())) prepared.fail();
    prepared.ended = fetch(prepared, until, rows, buffer);
    return prepared.ended;
  }
  bool fetch(Prepared& prepared, const Until& until, Rows& rows, const RowBuffer& buffer) {
    auto* const handle = prepared.statement;
    std::vector<Cell> cells;
    for (;;) {
      int outcome = 0;
      await(mysql_stmt_fetch_start(&outcome, handle), until,
            [&](int got) { return mysql_stmt_fetch_cont(&outcome, handle, got); });
      if (outcome == MYSQL_NO_DATA) return true;
      if (outcome != 0 && outcome != MYSQL_DATA_TRUNCATED) prepared.fail();
      buffer.read(cells);
      if (!rows.row(cells)) return false;
      if (until.over()) throw until.ended(shown_);
    }
  }
  std::vector<Column> columns_of(MYSQL_STMT* handle) {
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> described(mysql_stmt_result_metadata(handle),
                                                                             &mysql_free_result);
    if (!described) fail(0, "the query gives no columns; a loader's query is a SELECT");
    std::vector<Column> out;
    const auto* fields = mysql_fetch_fields(described.get());
    for (unsigned i = 0; i < mysql_num_fields(described.get()); ++i)
      out.push_back({std::string(fields[i].name, fields[i].name_length), kind_of(fields[i]), type_of(fields[i])});
    return out;
  }

  const std::string shown_;
  MYSQL* mysql_ = nullptr;
  bool broken_ = false;
};

}  // namespace

std::unique_ptr<Connection> open_mysql(const Address& address, const Until& until) {
  return std::make_unique<MysqlConnection>(address, until);
}

}  // namespace tocsin_plugins::sql
