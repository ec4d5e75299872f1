// The floor net: peers.
#pragma once

#include <eddy/net/address.hpp>          // where a socket is
#include <eddy/net/datagram_socket.hpp>  // what those of UDP and UNIX share
#include <eddy/net/listener.hpp>         // listen, accept
#include <eddy/net/received.hpp>         // how much a datagram held, and of whom
#include <eddy/net/relay.hpp>            // from one stream to another
#include <eddy/net/socket.hpp>           // options, addresses
#include <eddy/net/stream.hpp>           // bytes to and from a peer, connect
#include <eddy/net/udp_socket.hpp>       // datagrams over UDP
#include <eddy/net/unix_datagram.hpp>    // datagrams of this machine, and descriptors with them
