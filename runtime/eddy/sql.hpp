// eddy-sql: PostgreSQL on libpq's asynchronous interface. A library of its own: eddy-sql.
#pragma once

#include <eddy/sql/batch.hpp>            // many statements in one journey
#include <eddy/sql/connect_options.hpp>  // how a connection is made
#include <eddy/sql/connection.hpp>       // a connection
#include <eddy/sql/copy.hpp>             // COPY as streams of bytes
#include <eddy/sql/error.hpp>            // what the server says in place of a result
#include <eddy/sql/notification.hpp>     // LISTEN and NOTIFY, notices
#include <eddy/sql/parameter.hpp>        // $1
#include <eddy/sql/pool.hpp>             // connections that are lent
#include <eddy/sql/row.hpp>              // what a statement gives
#include <eddy/sql/statement.hpp>        // prepared
#include <eddy/sql/transaction.hpp>      // all or nothing
