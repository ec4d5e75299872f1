"""Every awaitable of a public header stands in a row of the table in tests/sweeps.

A verb is a function that returns a Task or another awaitable; a row names it as Class::verb, namespace
fs included. A type with await_suspend() is covered when a verb that returns it is, or by a row of its own."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "runtime" / "eddy"

# What stands in headers because it is a template or a base, and whose it is: it runs in each row of that.
PARTS = {
    "with": ["with_resource", "with_opened", "call_with", "enter", "leave", "close", "Closing::enter",
             "Closing::exit"],
    "ExitStack::aclose": ["ExitStack::exit", "ExitStack::Node::leave", "ExitStack::Entered::leave",
                          "ExitStack::Exit::leave", "ExitStack::Callback::leave",
                          "ExitStack::enter_new", "ExitStack::enter_opened"],
    "try_finally": ["finally_task", "call"],
    "gather": ["gather_children", "gather_children_of", "settle_children", "GatherRange"],
    "race": ["race_of"],
    "select": ["run_branch", "BranchWait", "Select"],
    "first_ok": ["first_ok_of"],
    "task_group": ["task_group_scope", "TaskGroup::all_ended"],
    "TaskGroup::start": ["TaskGroup::start_child", "TaskGroup::run_child", "TaskGroup::end_child",
                         "end_task"],
    "supervisor": ["supervisor_scope"],
    "wait": ["DoneQueue::next", "next_until", "AsCompleted::next_of"],
    "collect": ["apply_to", "transformed", "filtered", "taken"],
    "for_each": ["each_of"],
    "Generator::aclose": ["Generator::close_abandoned"],
    "serve": ["serve_connection", "accept_connections", "serve_scope", "Serving::next",
              "Serving::idle", "Handling", "handling"],
    "retry": ["retry_of", "Attempt"],
    "retry_or": ["retry_of", "Attempt"],
    "CircuitBreaker::call": ["call_through"],
    "RateLimiter::acquire": ["RateLimiter::enter", "RateLimiter::exit"],
    "Stream::read_until": ["read_until_of", "find_piece", "filling", "finding_line", "read_line_of",
                           "read_new_line_of", "next_line_of", "read_all_of", "read_exactly_of",
                           "read_some_of", "StreamSource::fill", "Reader::Source::fill",
                           "LinesAhead::readline", "LinesAhead::next_line",
                           "LinesAhead::readline_into"],
    "Writer::flush": ["Writer::State::run", "Writer::State::put_whole", "Writer::State::wait",
                      "Writer::State::put", "Writer::State::write_pending"],
    "File::read": ["FileState::turn", "FileState::without_worker", "FileState::Stoppable",
                   "FileState::send", "FileState::write_to_peer",
                   "FileState::read_raw", "FileState::write_raw",
                   "FileState::stat", "FileState::end", "FileState::ask", "FileState::fill",
                   "FileState::flush", "FileState::recover", "ReadAt::read_in_turn",
                   "WriteAt::write_in_turn", "FileCall", "ReadCall", "perform"],
    "File::readline_into": ["File::next_line", "FileVerbs::Lines::readline",
                            "FileVerbs::Lines::next_line", "FileVerbs::Lines::readline_into"],
    "open": ["open_file"],
    "read_text": ["read_by_ring", "read_by_file", "ReadWhole::in_a_task", "ReadWhole::read_elsewhere"],
    "Stream::close": ["SocketState::close"],
    "DuplexStream::close": ["DuplexStream::close_end"],
    "DuplexStream::write": ["PipePut", "DuplexStream::kept"],
    "DuplexStream::read_some": ["PipeGet"],
    "as_result": ["fail", "InPlaceOf", "as_task"],
    "timeout": ["TimeoutScope", "TimeoutBody"],
    "with_token": ["WithToken"],
    "foreign": ["ForeignAwait"],
    "Task": ["Generator::promise_type::End", "PromiseBase::End"],
    "Stream::read_some": ["Receive"],
    "Stream::write_all": ["keep", "keeping", "UnixDatagram::send_kept", "Stream::kept"],
    "relay": ["RelayWait"],
    "Lock::acquire": ["Lock::Entry"],
    "RwLock::read": ["RwLock::Entry"],
    "Semaphore::acquire": ["Semaphore::Entry"],
    "CapacityLimiter::acquire": ["CapacityLimiter::Entry"],
    "fs::stat": ["read_stat", "NameOperation", "NameOperation::wait_for", "fs::Call::in_a_task"],
    "fs::listdir": ["open_directory_at", "DirectoryReader::fill",
                    "DirectoryReader::read_on_thread"],
    "DirectoryEntries::next": ["EntrySource::advance", "DirectoryStack::next",
                               "DirectoryStack::type_of"],
    "fs::copytree": ["copy_tree"],
    "fs::rmtree": ["remove_tree", "DirectoryStack::enter_root", "DirectoryStack::enter",
                   "DirectoryStack::leave", "DirectoryStack::fill", "DirectoryStack::open",
                   "DirectoryStack::open_again"],
    "fs::Watch::next": ["WatchState::begin", "WatchState::visit_some", "WatchState::run_call",
                        "WatchState::wait"],
    "write_atomic": ["open_directory_of", "FinalSync", "sync_whole_system"],
    "fs::copy": ["copy_bytes", "copy_file", "copy_known", "perform_plainly", "Transfer::move",
                 "Transfer::splice", "Transfer::by_the_server", "Transfer::through_pipe",
                 "Transfer::through_memory", "Transfer::read", "Transfer::step",
                 "Transfer::step_on_thread"],
    "temporary_file": ["TemporaryMaker::open_unnamed", "TemporaryMaker::open_new",
                       "TemporaryMaker::open_kept", "TemporaryMaker::open_named",
                       "TemporaryMaker::open_directory", "TemporaryMaker::mkdir_new",
                       "TemporaryMaker::mkdir_kept", "TemporaryPath::remove", "SpooledState::turn",
                       "SpooledState::to_file"],
    "Condition::wait": ["Condition::Notified", "Condition::wait_until"],
    "JoinHandle": ["JoinWaiter"],
    "Future": ["FutureWait"],
    "call_later": ["call_function_at"],
    "Pool::acquire": ["Pool::named", "PoolState::acquire", "PoolState::make_in", "PoolState::make_one",
                      "PoolState::check_one", "PoolState::reset_one", "PoolState::reap",
                      "PoolState::Entry"],
    "Pool::fill": ["PoolState::fill"],
    "Batches::next": ["QueueSource::next", "GeneratorSource::next", "GeneratorSource::pull",
                      "items_in", "items_of"],
    "Batches::aclose": ["QueueSource::close", "GeneratorSource::close"],
    "gather_with_progress": ["tallied", "gather_tallied", "gather_with_bar", "gather_and_tell"],
    "bulk": ["bulk_one", "bulk_each", "bulk_values"],
    "bulk_settled": ["bulk_outcomes"],
    "bulk_as_completed": ["feed_bulk", "completed_bulk"],
    "Pool::close": ["PoolState::close"],
    "http::Client::request": ["Exchange::perform", "Exchange::prepare", "Exchange::resolve",
                              "find_addresses"],
    "http::BodySource::read_some": ["Exchange::feed", "Exchange::work_on_upload",
                                    "Upload::prepare", "Upload::feed"],
    "http::Client::close": ["ClientState::close"],
    "http::Response::text": ["Exchange::fill", "Exchange::read_all", "Exchange::wait_for_body",
                             "ExchangeSource::fill", "http::Response::json_of", "read_body",
                             "read_body_bytes"],
    "http::Response::download_to": ["download"],
    "tls::Stream::fill": ["TlsSource::fill", "fill", "TlsState::fetch", "Transport::fill", "TransportCall",
                          "TransportCall::in_task"],
    "tls::Stream::read_some": ["read_some"],
    "tls::Stream::read_exactly": ["read_exactly"],
    "tls::Stream::write": ["write_some", "tls::Stream::kept"],
    "tls::Stream::write_all": ["write_all", "TlsState::flush", "TlsState::send_out", "Transport::write"],
    "tls::Stream::write_vectored": ["write_vectored"],
    "tls::Stream::send_file": ["send_file"],
    "tls::Stream::close": ["TlsState::close", "TlsState::say_farewell", "Transport::close",
                           "TransportOver::close"],
    "tls::handshake": ["client_handshake", "server_handshake", "TlsState::shake"],
    "tls::serve": ["tls::accepted"],
    "sql::connect": ["open_connection", "find_addresses", "SocketWait", "wait_input", "wait_to_take"],
    "sql::Connection::execute": ["execute", "execute_script", "run_command", "run_script", "drain",
                                 "stop_command",
                                 "ConnectionState::until_free", "sql::Statement::execute"],
    "sql::Connection::fetch": ["fetch", "fetch_row", "fetch_one", "fetch_one_or_none", "fetch_first",
                               "fetch_value",
                               "sql::Connection::fetch_row", "sql::Connection::fetch_one",
                               "sql::Connection::fetch_one_or_none",
                               "sql::Connection::fetch_value", "sql::Statement::fetch",
                               "sql::Statement::fetch_row", "sql::Statement::fetch_one",
                               "sql::Statement::fetch_one_or_none",
                               "sql::Statement::fetch_value"],
    "sql::Connection::stream": ["stream", "sql::Statement::stream"],
    "sql::Connection::prepare": ["prepare", "forget_unused", "PreparedCache::find",
                                 "PreparedCache::make"],
    "sql::Connection::run": ["run_batch"],
    "sql::Connection::listen": ["sql::Connection::unlisten", "sql::Connection::notify"],
    "sql::Connection::next_notification": ["sql::Connection::notifications"],
    "sql::CopyIn::finish": ["sql::Connection::copy_in", "sql::CopyIn::write_all",
                            "sql::CopyIn::abort", "copy_begin", "copy_write", "copy_finish",
                            "copy_abort"],
    "sql::CopyOut::read_some": ["sql::Connection::copy_out", "sql::CopyOut::read_all",
                                "sql::CopyOut::abort", "copy_read", "copy_read_all"],
    "sql::with_transaction": ["sql::begin_transaction", "sql::commit_transaction",
                              "sql::roll_back_transaction", "sql::run_transaction"],
    "sql::Pool::acquire": ["sql::Pool::fill", "sql::Pool::close", "sql::Pool::transaction_on",
                           "sql::Pool::with_transaction"],
    "to_thread": ["call_on_thread", "leave_to_thread", "ThreadCall", "AbandonedThreadCall"],
}

# What an awaitable has for the compiler or for AtOnce, and `auto` functions that give none.
FOR_THE_COMPILER = {"await_ready", "await_suspend", "await_resume", "await_outcome",
                    "get_return_object", "task"}
GIVE_NONE = {"run", "Loop::run", "Loop::spawn", "spawn", "gathered", "gathered_all", "gathered_range",
             "Reader::lines", "batches", "awaitables_of"}


def uncommented(text):
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)


def without_template(statement):
    while match := re.match(r"(?:(?:public|private|protected): )*template ?<", statement):
        depth, at = 1, match.end()
        while depth:
            depth += {"<": 1, ">": -1}.get(statement[at], 0) if statement[at - 1] != "-" else 0
            at += 1
        statement = statement[at:].strip()
    condition = r"^requires ?(?:\(.*?\)+|[\w:]+<[^;{]*?>+(?: \|\| [\w:]+<[^;{]*?>+)*) "
    return re.sub(condition + "(?=class |struct |Task|auto)", "", statement)


def scopes(text):
    """(qualified name of the class, the statement that ends at a brace or a semicolon), in order."""
    stack, start, found = [], 0, []
    for at, letter in enumerate(text):
        if letter not in "{};":
            continue
        statement = without_template(" ".join(text[start:at].split()))
        start = at + 1
        inside = [name for name in stack if name is not None]
        if letter != "}" and "" not in stack:
            found.append(("::".join(n for n in inside if n), statement))
        if letter == "{":
            kind = re.search(r"\b(?:class|struct)\s+(?:EDDY_\w+ |\[\[\w+\]\] )*([\w:]+)[^()]*$",
                             re.sub(r"<[^<>]*>", "", statement))
            space = re.search(r"\bnamespace(?: ([\w:]+))?$", statement)
            if space:
                name = (space.group(1) or "").split("::")[-1]
                stack.append(None if name in ("", "eddy", "internal") else name)
            else:
                stack.append(kind.group(1) if kind and not statement.endswith(")") else "")
        elif letter == "}" and stack:
            stack.pop()
    return found


def main():
    statements = []
    for path in sorted(LIBRARY.rglob("*.hpp")):
        statements += scopes(uncommented(path.read_text()))
    types = {scope for scope, text in statements if re.search(r"\bawait_suspend\s*\(", text) and scope}
    short = {name.split("::")[-1] for name in types} - {"End"} | {"Task", "Generator", "auto", "Call"}
    verbs, returns = set(), {}
    verb = re.compile(r"(?:^|[\s\])>])((?:\w+::)*)(\w+)(?:<[^()]*>)? ((?:\w+::)*)(\w+)\s*\(")
    for scope, text in statements:
        head = re.sub(r"^(?:(?:public|private|protected):\s*)+", "", text)
        if re.search(r"\b(using|return|friend|co_await|operator|explicit)\b", head):
            continue
        found = verb.search(head)
        if not found or found.group(2) not in short or "=" in head[:found.start(4)]:
            continue
        name = (scope + "::" if scope else "") + found.group(3) + found.group(4)
        if found.group(4) == found.group(2) or found.group(4) in FOR_THE_COMPILER:
            continue
        if name in GIVE_NONE:
            continue
        verbs.add(name)
        returns.setdefault(found.group(2), set()).add(name)
    rows = set()
    for path in (ROOT / "tests" / "sweeps").glob("rows_*.cpp"):
        rows |= {row.split()[0] for row in re.findall(r'\{"([\w:]+[^"]*)",', path.read_text())}
    parts = {part for group in PARTS.values() for part in group}
    missing = {name for name in verbs if name not in rows and name not in parts}
    for name in types - parts:
        makers = returns.get(name.split("::")[-1], set())
        if name not in rows and not makers & rows and not makers & parts:
            missing.add(name)
    for name in sorted(missing):
        print(f"{name} stands in no row of tests/sweeps")
    known = verbs | types
    stale = sorted((parts - known) | {group for group in PARTS if group not in rows})
    for name in stale:
        print(f"tests/house/awaitables.py names {name}, which is not there")
    print(f"{len(verbs)} verbs and {len(types)} awaitable types in {len(rows)} rows' names")
    return 1 if missing or stale else 0


if __name__ == "__main__":
    sys.exit(main())
