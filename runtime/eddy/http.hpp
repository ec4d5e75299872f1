// An HTTP client, by libcurl: a library of its own, eddy-http.
#pragma once

#include <eddy/http/body.hpp>
#include <eddy/http/client.hpp>
#include <eddy/http/download.hpp>
#include <eddy/http/error.hpp>
#include <eddy/http/fields.hpp>
#include <eddy/http/headers.hpp>
#include <eddy/http/json.hpp>
#include <eddy/http/request.hpp>
#include <eddy/http/response.hpp>
#include <eddy/http/timeouts.hpp>
#include <eddy/http/version.hpp>
