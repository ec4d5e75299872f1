/* `select 1` by libpq alone, prepared: as fast as a loop over its blocking calls is.
 *
 *   sql_raw CONNINFO QUERIES DEPTH    DEPTH > 1: so many in each round trip, by pipeline mode
 *
 * Prints one line of JSON: seconds, and the processor time that this program took in them. */
#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static PGconn *connection;

static double seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(void) {
  fprintf(stderr, "sql_raw: %s", PQerrorMessage(connection));
  exit(1);
}

static void expect_one(PGresult *result) {
  if (PQresultStatus(result) != PGRES_TUPLES_OK) fail();
  if (strcmp(PQgetvalue(result, 0, 0), "1") != 0) fail();
  PQclear(result);
}

static void one_at_a_time(long count) {
  for (long i = 0; i < count; ++i) {
    expect_one(PQexecPrepared(connection, "one", 0, NULL, NULL, NULL, 0));
  }
}

static void end_of_results(void) {
  if (PQgetResult(connection) != NULL) fail();
}

static void pipelined(long count, int depth) {
  if (!PQenterPipelineMode(connection)) fail();
  for (long i = 0; i < count; i += depth) {
    for (int j = 0; j < depth; ++j) {
      if (!PQsendQueryPrepared(connection, "one", 0, NULL, NULL, NULL, 0)) fail();
    }
    if (!PQpipelineSync(connection)) fail();
    for (int j = 0; j < depth; ++j) {
      expect_one(PQgetResult(connection));
      end_of_results();
    }
    PGresult *sync = PQgetResult(connection);
    if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC) fail();
    PQclear(sync);
  }
}

int main(int count, char **arguments) {
  if (count != 4) return fputs("usage: sql_raw CONNINFO QUERIES DEPTH\n", stderr), 2;
  const long queries = atol(arguments[2]);
  const int depth = atoi(arguments[3]);
  connection = PQconnectdb(arguments[1]);
  if (PQstatus(connection) != CONNECTION_OK) fail();
  PQclear(PQprepare(connection, "one", "select 1", 0, NULL));
  one_at_a_time(100);
  const double began = seconds_of(CLOCK_MONOTONIC);
  const double used = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  if (depth > 1) {
    pipelined(queries, depth);
  } else {
    one_at_a_time(queries);
  }
  printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n", seconds_of(CLOCK_MONOTONIC) - began,
         seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used);
  PQfinish(connection);
}
