// libcurl by itself asks for a page so many times: http_client_raw easy URL COUNT 1
// or so many at once, by curl_multi_poll():        http_client_raw multi URL COUNT AT_ONCE
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct page {
  char* bytes;
  size_t size, room;
};

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// As a caller wants it: all of the body, in memory of its own.
static size_t keep(char* from, size_t size, size_t count, void* into) {
  struct page* page = into;
  if (page->size + count > page->room) {
    page->room = (page->size + count) * 2;
    page->bytes = realloc(page->bytes, page->room);
    if (!page->bytes) abort();
  }
  memcpy(page->bytes + page->size, from, size * count);
  page->size += size * count;
  return size * count;
}

static CURL* make(const char* url, struct page* page) {
  CURL* easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // The same request as eddy's: each of its lines costs.
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "eddy");
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, page);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, page);
  return easy;
}

static void check(CURL* easy, CURLcode code) {
  long status = 0;
  struct page* page = NULL;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &page);
  if (code != CURLE_OK || status != 200 || page->size == 0) abort();
  page->size = 0;
}

static void ask_one_by_one(CURL* easy, long count) {
  for (; count > 0; --count) check(easy, curl_easy_perform(easy));
}

static void ask_in_all(CURLM* multi, CURL** easy, int at_once, long count) {
  int running = 0;
  for (int i = 0; i < at_once && count > 0; ++i, --count) {
    curl_multi_add_handle(multi, easy[i]);
    ++running;
  }
  while (running > 0) {
    int still = 0, left = 0;
    curl_multi_perform(multi, &still);
    for (CURLMsg* message; (message = curl_multi_info_read(multi, &left));) {
      CURL* const done = message->easy_handle;
      check(done, message->data.result);
      curl_multi_remove_handle(multi, done);
      --running;
      if (count > 0) {
        curl_multi_add_handle(multi, done);
        --count;
        ++running;
        still = 0;  // and on, without waiting
      }
    }
    if (still > 0) curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
}

int main(int words, char** word) {
  if (words != 5) return 2;
  const int single = strcmp(word[1], "easy") == 0;
  const long count = atol(word[3]);
  const int at_once = single ? 1 : atoi(word[4]);
  curl_global_init(CURL_GLOBAL_ALL);
  CURLM* multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)at_once);
  CURL** easy = calloc((size_t)at_once, sizeof *easy);
  struct page* pages = calloc((size_t)at_once, sizeof *pages);
  for (int i = 0; i < at_once; ++i) easy[i] = make(word[2], &pages[i]);
  double began = 0, used = 0;
  for (int round = 0; round < 2; ++round) {  // the first to warm up
    began = seconds(CLOCK_MONOTONIC);
    used = seconds(CLOCK_PROCESS_CPUTIME_ID);
    const long wanted = round == 0 ? 50L * at_once : count;
    if (single) {
      ask_one_by_one(easy[0], wanted);
    } else {
      ask_in_all(multi, easy, at_once, wanted);
    }
  }
  printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n", seconds(CLOCK_MONOTONIC) - began,
         seconds(CLOCK_PROCESS_CPUTIME_ID) - used);
  for (int i = 0; i < at_once; ++i) {
    curl_easy_cleanup(easy[i]);
    free(pages[i].bytes);
  }
  curl_multi_cleanup(multi);
  free(easy);
  free(pages);
  return 0;
}
