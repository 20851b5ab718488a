// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <set>
#include <string>

/** A test with a directory of its own. */
class InDirectory : public testing::Test {
protected:
	void SetUp() override
	{
		std::string name = testing::TempDir() + "privpipe-XXXXXX";
		ASSERT_NE(::mkdtemp(name.data()), nullptr);
		directory = name;
	}

	void TearDown() override { std::filesystem::remove_all(directory); }

	/** @return the path of a name in the directory */
	[[nodiscard]] std::string path(const std::string &name) const { return directory / name; }

	/** Writes a file. @return its path */
	std::string make(const std::string &name, const std::string &content) const
	{
		std::ofstream(path(name)) << content;
		return path(name);
	}

	/** @return the content of a file, or a word if there is no file */
	[[nodiscard]] std::string content(const std::string &name) const
	{
		std::ifstream file(path(name));
		if (!file)
			return "(no file)";
		return {std::istreambuf_iterator<char>(file), {}};
	}

	/** @return the names in the directory */
	[[nodiscard]] std::set<std::string> names() const
	{
		std::set<std::string> all;
		for (const auto &entry : std::filesystem::directory_iterator(directory))
			all.insert(entry.path().filename());
		return all;
	}

	std::filesystem::path directory;
};

/** @return bytes that differ by position */
inline std::string text_of(std::size_t size)
{
	std::string text(size, '\0');

	for (std::size_t i = 0; i < size; i++)
		text[i] = char(i * 31 + i / 4096);
	return text;
}
