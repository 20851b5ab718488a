// SPDX-License-Identifier: GPL-2.0
#include "stress/stock.hh"

#include <stdexcept>

StockSide::StockSide() : backend_(stock_expectations), world_(std::in_place, backend_) {}

void StockSide::record(const std::string &path, const std::string &title)
{
	out_.open(path);
	out_ << title << '\n';
}

std::string StockSide::replay(const std::string &path)
{
	std::string title;

	in_.open(path);
	if (!std::getline(in_, title))
		throw std::runtime_error(path + " is no log");
	world_.reset();
	return title;
}

std::string StockSide::seen(const std::string &bytes) const
{
	if (!is_recording() && !is_replaying())
		return bytes;
	return std::to_string(bytes.size()) + ":" + std::to_string(std::hash<std::string>()(bytes));
}

int64_t StockSide::number(const std::function<int64_t(World &)> &ask)
{
	int64_t answer = 0;

	if (world_)
		answer = ask(*world_);
	else if (!(in_ >> answer))
		throw std::runtime_error("the log ends before the program does");
	if (is_recording() && !(out_ << answer << '\n'))
		throw std::runtime_error("the log can't be written");
	return answer;
}

std::string StockSide::bytes(const std::function<std::string(World &)> &ask)
{
	std::string answer;

	if (world_)
		answer = seen(ask(*world_));
	else if (!(in_ >> answer))
		throw std::runtime_error("the log ends before the program does");
	if (is_recording())
		out_ << answer << '\n';
	return answer;
}

void StockSide::restart()
{
	if (world_)
		world_->restart();
}

void StockSide::renew(int pipe)
{
	if (world_)
		world_->renew(pipe);
}

Outcome StockSide::run(const Op &op)
{
	Outcome outcome;

	if (world_)
		outcome = world_->run(op);
	for (int64_t *field : {&outcome.result.value, &outcome.off_in, &outcome.off_out,
			       &outcome.position_in, &outcome.position_out})
		*field = number([&](World &) { return *field; });
	outcome.bytes = bytes([&](World &) { return outcome.bytes; });
	return outcome;
}

std::string StockSide::drain(int pipe)
{
	return bytes([&](World &world) { return world.drain(pipe); });
}

bool StockSide::is_open(Place end)
{
	return number([&](World &world) { return world.is_open(end); }) != 0;
}

Result StockSide::unread(int pipe)
{
	return {number([&](World &world) { return world.unread(pipe).value; })};
}

size_t StockSide::capacity(int pipe)
{
	return static_cast<size_t>(
		number([&](World &world) { return static_cast<int64_t>(world.capacity(pipe)); }));
}

bool StockSide::makes_packets(int pipe)
{
	return number([&](World &world) { return world.makes_packets(pipe); }) != 0;
}
