// Boost.JSON itself, which Debian has as headers only: compiled once, for whoever includes it.
#include <boost/json/src.hpp>
