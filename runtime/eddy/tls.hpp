// eddy-tls: TLS 1.2 and 1.3 over any stream of bytes, by OpenSSL 3. A library of its own, beside
// eddy: link with eddy-tls.
#pragma once

#include <eddy/tls/certificate.hpp>  // what there is to know of a peer
#include <eddy/tls/connect.hpp>      // to a host
#include <eddy/tls/context.hpp>      // whom to trust, and who one is
#include <eddy/tls/error.hpp>        // what goes wrong
#include <eddy/tls/handshake.hpp>    // over what is connected already
#include <eddy/tls/serve.hpp>        // a task for each connection
#include <eddy/tls/stream.hpp>       // bytes to and from a peer
