//! Other names under which people look for a country, and how a search compares names.

use super::scope::{Country, ascii_of};
use unicode_normalization::UnicodeNormalization;

/// Names that people use beside the one in the list: short forms, former names, parts, and the country's own name.
const USED: &[(&str, &[&str])] = &[
    ("AE", &["UAE", "Emirates"]),
    ("AT", &["Österreich"]),
    ("BE", &["België", "Belgique"]),
    ("BR", &["Brasil"]),
    ("CD", &["DR Congo", "DRC", "Democratic Republic of the Congo", "Zaire"]),
    ("CF", &["CAR"]),
    ("CG", &["Republic of the Congo"]),
    ("CH", &["Schweiz", "Suisse", "Svizzera", "Swiss"]),
    ("CI", &["Ivory Coast"]),
    ("CN", &["PRC", "People’s Republic of China"]),
    ("CV", &["Cabo Verde"]),
    ("CZ", &["Czech Republic", "Česko"]),
    ("DE", &["Deutschland"]),
    ("DK", &["Danmark"]),
    ("EE", &["Eesti"]),
    ("ES", &["España"]),
    ("FI", &["Suomi"]),
    ("FK", &["Malvinas"]),
    ("FM", &["Federated States of Micronesia"]),
    ("GB", &["UK", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland"]),
    ("GR", &["Hellas"]),
    ("HK", &["Hongkong"]),
    ("HR", &["Hrvatska"]),
    ("HU", &["Magyarország"]),
    ("IE", &["Éire", "Republic of Ireland"]),
    ("IR", &["Persia"]),
    ("IS", &["Ísland"]),
    ("IT", &["Italia"]),
    ("JP", &["Nippon"]),
    ("KP", &["DPRK"]),
    ("KR", &["Republic of Korea", "ROK"]),
    ("LA", &["Lao PDR"]),
    ("LT", &["Lietuva"]),
    ("LV", &["Latvija"]),
    ("MK", &["FYROM"]),
    ("MO", &["Macau"]),
    ("NL", &["Holland", "Nederland"]),
    ("NO", &["Norge"]),
    ("NZ", &["Aotearoa"]),
    ("PL", &["Polska"]),
    ("PS", &["State of Palestine"]),
    ("RU", &["Russian Federation"]),
    ("SA", &["KSA"]),
    ("SE", &["Sverige"]),
    ("SI", &["Slovenija"]),
    ("SK", &["Slovensko"]),
    ("SZ", &["Swaziland"]),
    ("TL", &["East Timor"]),
    ("TR", &["Turkey"]),
    ("UA", &["Ukraina"]),
    ("US", &["USA", "United States of America", "America"]),
    ("VA", &["Holy See"]),
    ("ZA", &["RSA"]),
];

/// Returns the other names of a country.
pub fn other_names(code: &str) -> &'static [&'static str] {
    USED.iter().find(|(of, _)| *of == code).map_or(&[], |(_, names)| names)
}

/// Returns a name as a search compares it: lower case, no accents, no apostrophes, "and" for "&", "saint" for "St.", one blank
/// for anything else that is no letter or digit. The text is decomposed (Unicode's NFD), so that an accent stands behind its letter.
pub fn folded(decomposed: &str) -> String {
    let mut text = String::new();
    for c in decomposed.chars().flat_map(char::to_lowercase) {
        match c {
            '\u{300}'..='\u{36f}' | '\'' | '’' | '‘' => {}
            '&' => text.push_str(" and "),
            // "St." is a word, and "U.S." is one.
            '.' => text.push('.'),
            // Beyond ASCII, names have letters and these two dashes; the tables of Unicode would be most of what a browser loads
            // for the search.
            '–' | '—' => text.push(' '),
            c if !c.is_ascii() || c.is_ascii_alphanumeric() => match ascii_of(c) {
                Some(plain) => text.push_str(plain),
                None => text.push(c),
            },
            _ => text.push(' '),
        }
    }
    let word = |word| match word {
        "st." => "saint".to_owned(),
        word => word.replace('.', ""),
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// Checks whether a folded text is the code of a country, or begins a word of one of its names.
pub fn is_of(country: Country, text: &str) -> bool {
    let begins = |name: &str| format!(" {}", decomposed(name)).contains(&format!(" {text}"));
    country.code().eq_ignore_ascii_case(text)
        || begins(country.name())
        || other_names(country.code()).iter().any(|name| begins(name))
}

fn decomposed(name: &str) -> String {
    folded(&name.nfd().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::decomposed as fold;
    use super::*;

    #[test]
    fn names_are_compared_as_people_type_them() {
        for (name, typed) in [
            ("Côte d’Ivoire", "cote d'ivoire"),
            ("Türkiye", "turkiye"),
            ("Bosnia & Herzegovina", "bosnia and herzegovina"),
            ("St. Barthélemy", "Saint Barthelemy"),
            ("U.S. Virgin Islands", "us virgin islands"),
            ("Timor-Leste", "timor leste"),
            ("Åland Islands", "aland islands"),
            ("Congo - Kinshasa", "congo kinshasa"),
            ("Magyarország", "MAGYARORSZAG"),
            ("Færøerne", "faeroerne"),
        ] {
            assert_eq!(fold(name), fold(typed), "{name}");
        }
        assert_eq!(fold("  St. Kitts &  Nevis "), "saint kitts and nevis");
        assert_eq!(fold("россия"), "россия");
    }

    #[test]
    fn a_country_is_found_by_its_code_or_the_beginning_of_a_word_of_its_names() {
        let found = |text: &str| -> Vec<_> {
            let text = fold(text);
            Country::all().into_iter().filter(|country| is_of(*country, &text)).map(Country::code).collect()
        };
        assert_eq!(found("holland"), ["NL"]);
        assert_eq!(found("Zeal"), ["NZ"]);
        assert_eq!(found("türk"), ["TR", "TM", "TC"]);
        assert!(found("de").contains(&"DE") && !found("de").contains(&"SE"), "Sweden has it in its middle");
        assert_eq!(found("qq"), <[&str; 0]>::default());
    }

    #[test]
    fn every_other_name_is_of_a_country_and_of_one_alone() {
        assert!(USED.is_sorted_by_key(|(code, _)| code));
        let mut all: Vec<String> = Country::all().iter().map(|country| fold(country.name())).collect();
        for (code, names) in USED {
            assert!(Country::from_code(code).is_ok(), "{code}");
            all.extend(names.iter().map(|name| fold(name)));
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "a name leads to one country");
        assert_eq!(other_names("FR"), <[&str; 0]>::default());
    }
}
